//! Appends one commit, and knows whether it did: an acknowledgement that is lost is looked up, never guessed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::client::{Request, RequestError, RequestErrorKind};
use async_nats::connection::State;
use domain::Address;
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};

use crate::backbone::Inner;
use crate::{AppendError, Encoded, Error, Head, Reserve, Shard, read, subjects};

/// How long an outcome is looked for before it is called unknown.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one acknowledgement is waited for.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What the server said to a publish (`JSPubAckResponse` of its API).
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    seq: u64,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// What became of one publish.
#[derive(Debug)]
enum Outcome {
    /// It is stored at this sequence.
    Stored(u64),
    /// Another expectation would be needed.
    Conflict,
    /// The stream takes no more.
    Full,
    /// It is not stored; the same again may be.
    NotNow(String),
    /// It is not stored and never will be.
    Refused(Error),
    /// Nobody said.
    Lost,
}

/// Appends an encoded commit to an aggregate whose last commit is at `expected`.
pub(crate) async fn append(
    inner: &Inner,
    address: &Address,
    expected: u64,
    encoded: Encoded,
    reserve: Reserve,
) -> Result<Head, AppendError> {
    let shard = inner.shard_of(address.agent);
    let subject = subjects::event(shard, address);
    let state = inner.shard(shard);
    if state.is_replaced.load(Ordering::Relaxed) {
        return Err(Error::OtherEpoch { shard }.into());
    }
    let size = encoded.stored_size(&subject);
    if reserve == Reserve::Ordinary && state.fullness.reaches_reserve(size) {
        return Err(AppendError::Full);
    }
    let sequence = Attempt { inner, shard, subject, expected, encoded: &encoded }.settle().await?;
    state.fullness.add(size);
    Ok(Head { sequence, hash: encoded.hash })
}

struct Attempt<'a> {
    inner: &'a Inner,
    shard: Shard,
    subject: String,
    expected: u64,
    encoded: &'a Encoded,
}

impl Attempt<'_> {
    /// Publishes until it is known what became of the commit.
    ///
    /// Once an acknowledgement is lost, only three things are proof: an acknowledgement, our bytes in the log, or another's
    /// in their place; for the lost one may still be on its way.
    async fn settle(&self) -> Result<u64, AppendError> {
        let deadline = Instant::now() + PATIENCE;
        let mut is_uncertain = false;
        let mut pause = PAUSE;
        loop {
            let outcome = self.publish(deadline).await?;
            is_uncertain |= matches!(outcome, Outcome::Lost);
            let why = match outcome {
                Outcome::Stored(sequence) => return Ok(sequence),
                Outcome::Conflict if !is_uncertain => return Err(AppendError::Conflict),
                Outcome::Full if !is_uncertain => return Err(AppendError::Full),
                Outcome::Refused(error) if !is_uncertain => return Err(error.into()),
                Outcome::NotNow(why) => why,
                Outcome::Conflict | Outcome::Full | Outcome::Refused(_) | Outcome::Lost => {
                    let winner = read::next(self.inner, self.shard, &self.subject, self.expected);
                    match timeout_at(deadline, winner).await.unwrap_or_else(|elapsed| Err(Error::unavailable(elapsed))) {
                        Ok(Some(winner)) if winner.payload == self.encoded.payload => return Ok(winner.sequence),
                        Ok(Some(_)) => return Err(AppendError::Conflict),
                        Ok(None) if matches!(outcome, Outcome::Conflict) => return Err(AppendError::Conflict),
                        Ok(None) => "no acknowledgement came".to_owned(),
                        Err(error) => error.to_string(),
                    }
                }
            };
            if Instant::now() + pause >= deadline {
                let subject = self.subject.clone();
                return Err(if is_uncertain { Error::Unknown { subject } } else { Error::Unavailable(why) }.into());
            }
            tracing::debug!(subject = self.subject, why, is_uncertain, "sending a commit again");
            // Whatever the end of the pause is, the next attempt finds out.
            let mut connections = self.inner.connections.clone();
            connections.mark_unchanged();
            let _ = timeout(pause, connections.changed()).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Sends the commit once; not into a connection that is gone, for it would be stored whenever that comes back.
    async fn publish(&self, deadline: Instant) -> Result<Outcome, Error> {
        if self.inner.client.connection_state() != State::Connected {
            return Ok(Outcome::NotNow("there is no connection".to_owned()));
        }
        let headers = self.encoded.headers(self.expected);
        let request = Request::new().headers(headers).payload(self.encoded.payload.clone()).timeout(None);
        let mut connections = self.inner.connections.clone();
        connections.mark_unchanged();
        let within = deadline.min(Instant::now() + ACKNOWLEDGED_WITHIN);
        let answer = tokio::select! {
            biased;
            answer = timeout_at(within, self.inner.client.send_request(self.subject.clone(), request)) => answer,
            // The answer would have come on the connection that is gone.
            _ = connections.changed() => return Ok(Outcome::Lost),
        };
        match answer {
            Ok(Ok(message)) => Ok(read_answer(&message.payload)),
            Ok(Err(error)) => unsent(&error),
            Err(_elapsed) => Ok(Outcome::Lost),
        }
    }
}

/// Reads what the server said; by number, for its words change.
fn read_answer(payload: &[u8]) -> Outcome {
    let Ok(answer) = serde_json::from_slice::<Answer>(payload) else { return Outcome::Lost };
    let Some(Refusal { err_code, description }) = answer.error else {
        return if answer.seq == 0 { Outcome::Lost } else { Outcome::Stored(answer.seq) };
    };
    match err_code {
        // JSStreamWrongLastSequenceErrF, JSStreamWrongLastSequenceConstantErr
        10071 | 10164 => Outcome::Conflict,
        // JSStreamExpectedLastSeqPerSubjectNotReady; JSClusterNotAvail, JSClusterNotLeader, JSStreamOffline
        10163 | 10008 | 10009 | 10118 => Outcome::NotNow(description),
        // JSInsufficientResources, JSStorageResourcesExceeded
        10023 | 10047 => Outcome::Full,
        // JSStreamStoreFailedF carries the store's own words: "maximum bytes exceeded"
        10077 if description.contains("maximum") => Outcome::Full,
        code => Outcome::Refused(Error::Refused { code, description }),
    }
}

/// Tells what a request that got no answer means.
fn unsent(error: &RequestError) -> Result<Outcome, Error> {
    match error.kind() {
        RequestErrorKind::NoResponders => Ok(Outcome::NotNow("no server answers for the stream".to_owned())),
        RequestErrorKind::TimedOut | RequestErrorKind::Other => Ok(Outcome::Lost),
        RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
            Err(Error::Refused { code: 0, description: error.to_string() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u64, description: &str) -> Outcome {
        let answer = serde_json::json!({
            "error": { "code": 400, "err_code": code, "description": description },
            "stream": "EVENTS-0",
            "seq": 0,
        });
        read_answer(answer.to_string().as_bytes())
    }

    #[test]
    fn an_acknowledgement_names_the_sequence() {
        assert!(matches!(read_answer(br#"{"stream":"EVENTS-0","seq":7}"#), Outcome::Stored(7)));
    }

    #[test]
    fn both_numbers_of_a_wrong_expectation_are_conflicts() {
        assert!(matches!(refusal(10071, "wrong last sequence: 7"), Outcome::Conflict));
        assert!(matches!(refusal(10164, "wrong last sequence"), Outcome::Conflict));
    }

    #[test]
    fn a_server_that_is_not_ready_is_asked_again() {
        assert!(matches!(refusal(10163, "expected last sequence per subject temporarily unavailable"), Outcome::NotNow(_)));
        assert!(matches!(refusal(10008, "JetStream system temporarily unavailable"), Outcome::NotNow(_)));
    }

    #[test]
    fn a_store_without_room_is_full_and_a_broken_one_is_not() {
        assert!(matches!(refusal(10077, "maximum bytes exceeded"), Outcome::Full));
        assert!(matches!(refusal(10047, "insufficient storage resources available"), Outcome::Full));
        assert!(matches!(refusal(10077, "disk error"), Outcome::Refused(_)));
    }

    #[test]
    fn an_answer_that_says_nothing_proves_nothing() {
        assert!(matches!(read_answer(b""), Outcome::Lost));
        assert!(matches!(read_answer(b"{}"), Outcome::Lost));
    }
}
