//! Appends one commit and establishes whether it was stored: a lost acknowledgement is resolved by reading the stream, never
//! guessed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::client::{Request, RequestError, RequestErrorKind};
use async_nats::connection::State;
use backon::{BackoffBuilder, ExponentialBuilder};
use domain::Address;
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};

use crate::Error;
use crate::log::commit::Encoded;
use crate::log::connection::Connection;
use crate::log::head::Head;
use crate::log::position::Shard;
use crate::log::{read, subjects};

/// How long an append is tried before its outcome is reported as unknown.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long one publish waits for its acknowledgement.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(3);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The pauses before a commit is sent again.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(10)).with_max_delay(LONGEST_PAUSE).without_max_times();

/// Whether a commit may use the bytes that are reserved for endings and erasures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// It may not: beyond 90 % of the byte limit it is refused.
    Ordinary,
    /// It may: it ends or erases.
    Ending,
}

/// Why a commit was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Another commit came first: load it and decide again.
    #[error("another commit came first")]
    Conflict,
    /// The log has no room for it.
    #[error("the log is full")]
    Full,
    /// It could not be done, or it is unknown whether it was done.
    #[error(transparent)]
    Broken(#[from] Error),
}

/// What the server answered to a publish (`JSPubAckResponse` of its API).
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
    /// The last sequence of the subject is not the expected one.
    Conflict,
    /// The stream has no space left.
    Full,
    /// The server has none left.
    NoRoom(String),
    /// It is not stored; the same publish may succeed later.
    NotNow(String),
    /// It is not stored, and the same publish cannot succeed.
    Refused(Error),
    /// No acknowledgement arrived, for the connection was lost.
    Lost,
    /// No acknowledgement arrived in time.
    Unanswered,
}

/// Appends an encoded commit to an aggregate whose last commit is at `expected`.
pub(crate) async fn append(
    connection: &Connection,
    address: &Address,
    expected: u64,
    encoded: Encoded,
    reserve: Reserve,
) -> Result<Head, AppendError> {
    let shard = connection.shard_of(address.agent);
    append_to(connection, shard, subjects::event(shard, address), expected, encoded, reserve).await
}

/// Appends a message to a subject whose last message is at `expected`.
pub(crate) async fn append_to(
    connection: &Connection,
    shard: Shard,
    subject: String,
    expected: u64,
    encoded: Encoded,
    reserve: Reserve,
) -> Result<Head, AppendError> {
    let state = connection.shard(shard);
    if state.is_replaced.load(Ordering::Relaxed) {
        return Err(Error::OtherEpoch { shard }.into());
    }
    let size = encoded.stored_size(&subject);
    if reserve == Reserve::Ordinary && state.capacity.reaches_reserve(size) {
        return Err(AppendError::Full);
    }
    let sequence = Attempt { connection, shard, subject, expected, encoded: &encoded }.settle().await?;
    state.capacity.add(size);
    Ok(Head { sequence, hash: encoded.hash })
}

struct Attempt<'a> {
    connection: &'a Connection,
    shard: Shard,
    subject: String,
    expected: u64,
    encoded: &'a Encoded,
}

impl Attempt<'_> {
    /// Publishes until the outcome is known.
    ///
    /// Once an acknowledgement is lost, its publish may still reach the server. From then on only three things are proof: an
    /// acknowledgement, this commit's bytes in the log, or another commit's bytes at the expected sequence.
    async fn settle(&self) -> Result<u64, AppendError> {
        let deadline = Instant::now() + DEADLINE;
        let mut is_uncertain = false;
        let mut pauses = PAUSES.build();
        loop {
            let outcome = self.publish(deadline).await?;
            self.note(&outcome);
            is_uncertain |= matches!(outcome, Outcome::Lost | Outcome::Unanswered);
            let why = match outcome {
                Outcome::Stored(sequence) => return Ok(sequence),
                Outcome::Conflict if !is_uncertain => return Err(AppendError::Conflict),
                Outcome::Full | Outcome::NoRoom(_) if !is_uncertain => return Err(AppendError::Full),
                Outcome::Refused(error) if !is_uncertain => return Err(error.into()),
                Outcome::NotNow(why) => why,
                Outcome::Conflict
                | Outcome::Full
                | Outcome::NoRoom(_)
                | Outcome::Refused(_)
                | Outcome::Lost
                | Outcome::Unanswered => {
                    let winner = read::next(self.connection, self.shard, &self.subject, self.expected);
                    match timeout_at(deadline, winner).await.unwrap_or_else(|elapsed| Err(Error::unavailable(elapsed))) {
                        Ok(Some(winner)) if winner.payload == self.encoded.payload => return Ok(winner.sequence),
                        Ok(Some(_)) => return Err(AppendError::Conflict),
                        Ok(None) if matches!(outcome, Outcome::Conflict) => return Err(AppendError::Conflict),
                        Ok(None) => "no acknowledgement came".to_owned(),
                        Err(error) => error.to_string(),
                    }
                }
            };
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            if Instant::now() + pause >= deadline {
                let subject = self.subject.clone();
                return Err(if is_uncertain { Error::Unknown { subject } } else { Error::Unavailable(why) }.into());
            }
            tracing::debug!(subject = self.subject, why, is_uncertain, "sending a commit again");
            // Ends early when the connection changes; either way the next attempt follows.
            let mut reconnects = self.connection.reconnects.clone();
            reconnects.mark_unchanged();
            let _ = timeout(pause, reconnects.changed()).await;
        }
    }

    /// Sends the commit once. Never while disconnected: the client would buffer it and send it after reconnecting, at any later
    /// time.
    async fn publish(&self, deadline: Instant) -> Result<Outcome, Error> {
        if self.connection.client.connection_state() != State::Connected {
            return Ok(Outcome::NotNow("there is no connection".to_owned()));
        }
        let headers = self.encoded.headers(self.expected);
        let request = Request::new().headers(headers).payload(self.encoded.payload.clone()).timeout(None);
        let mut reconnects = self.connection.reconnects.clone();
        reconnects.mark_unchanged();
        let within = deadline.min(Instant::now() + ACKNOWLEDGED_WITHIN);
        let answer = tokio::select! {
            biased;
            answer = timeout_at(within, self.connection.client.send_request(self.subject.clone(), request)) => answer,
            // An acknowledgement would have arrived on the previous connection.
            _ = reconnects.changed() => return Ok(Outcome::Lost),
        };
        match answer {
            Ok(Ok(message)) => Ok(read_answer(&message.payload)),
            Ok(Err(error)) => unanswered(&error),
            Err(_elapsed) => Ok(Outcome::Unanswered),
        }
    }

    /// Notes what an outcome tells of the stream: whether a message can be stored at all.
    fn note(&self, outcome: &Outcome) {
        let (writes, stream) = (&self.connection.writes, &self.connection.shard(self.shard).stream);
        match outcome {
            Outcome::Stored(_) => writes.stored(stream),
            Outcome::NoRoom(why) | Outcome::Refused(Error::Refused { description: why, .. }) => writes.failed(stream, why),
            Outcome::Unanswered => {
                writes.failed(stream, &format!("nats-server gives no answer within {} s", ACKNOWLEDGED_WITHIN.as_secs()));
            }
            // Of a lost connection others tell; a conflict, or a stream at its own limit, is no fault of the store.
            Outcome::Refused(_) | Outcome::Lost | Outcome::NotNow(_) | Outcome::Conflict | Outcome::Full => {}
        }
    }
}

/// Reads the server's answer by its error code: the descriptions change between versions.
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
        10023 | 10047 => Outcome::NoRoom(description),
        // JSStreamStoreFailedF carries the store's own error text: "maximum bytes exceeded"
        10077 if description.contains("maximum") => Outcome::Full,
        code => Outcome::Refused(Error::Refused { code, description }),
    }
}

/// Classifies a request that got no answer.
fn unanswered(error: &RequestError) -> Result<Outcome, Error> {
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
        assert!(matches!(refusal(10047, "insufficient storage resources available"), Outcome::NoRoom(_)));
        assert!(matches!(refusal(10077, "disk error"), Outcome::Refused(_)));
    }

    #[test]
    fn an_unreadable_answer_is_no_acknowledgement() {
        assert!(matches!(read_answer(b""), Outcome::Lost));
        assert!(matches!(read_answer(b"{}"), Outcome::Lost));
    }
}
