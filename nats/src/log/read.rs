//! Reads of the log: many messages in one request from any replica, checked for completeness against the leader.

use std::time::Duration;

use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::{LastRawMessageErrorKind, RawMessageError};
use async_nats::{HeaderMap, Message, StatusCode};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::Error;
use crate::log::connection::Connection;
use crate::log::position::Shard;
use crate::log::record::Raw;

/// The server's own limit of one batch.
pub(crate) const PAGE: usize = 1000;
/// Subjects in one question for last messages; the server's own limit is 1024.
const SUBJECTS: usize = 512;
/// Concurrent requests to the leader, where no replica has reached the required sequence.
const ASKED_AT_ONCE: usize = 32;
/// The longest pause between two messages of a batch.
const BATCH_TIMEOUT: Duration = Duration::from_secs(5);
/// ADR-31: the batch is complete.
const END_OF_BATCH: u16 = 204;

/// Reads every message of `subject` after `after`, complete up to the leader's last one.
pub(crate) async fn complete(connection: &Connection, shard: Shard, subject: &str, after: u64) -> Result<Vec<Raw>, Error> {
    range(connection, shard, subject, after, u64::MAX, usize::MAX).await
}

/// Reads messages of `filter` after `after` up to `upto`, at most `limit`; none that the leader has is left out.
pub(crate) async fn range(
    connection: &Connection,
    shard: Shard,
    filter: &str,
    after: u64,
    upto: u64,
    limit: usize,
) -> Result<Vec<Raw>, Error> {
    let mut raws = Vec::new();
    let mut reached = after;
    while raws.len() < limit && reached < upto {
        let most = PAGE.min(limit - raws.len());
        let request = json!({ "seq": reached + 1, "next_by_subj": filter, "batch": most });
        let page = retry_on_reconnect(connection, || batch(connection, &connection.shard(shard).stream, &request)).await?;
        reached = page.raws.last().map_or(reached, |raw| raw.sequence);
        raws.extend(page.raws);
        if page.is_last {
            break;
        }
    }
    // With one replica the leader has answered; with several, one that lags may have.
    if connection.replicas > 1 && raws.len() < limit && reached < upto {
        while let Some(raw) = next(connection, shard, filter, reached).await? {
            reached = raw.sequence;
            raws.push(raw);
            if raws.len() >= limit || reached >= upto {
                break;
            }
        }
    }
    raws.truncate(raws.partition_point(|raw| raw.sequence <= upto));
    Ok(raws)
}

/// Reads messages of a stream beside the log, at most one batch; a replica that lags may leave out the newest.
pub(crate) async fn beside(
    connection: &Connection,
    stream: &str,
    filter: &str,
    after: u64,
    most: usize,
) -> Result<Vec<Raw>, Error> {
    let request = json!({ "seq": after + 1, "next_by_subj": filter, "batch": most.min(PAGE) });
    Ok(retry_on_reconnect(connection, || batch(connection, stream, &request)).await?.raws)
}

/// Asks the leader for the last message of `filter`.
pub(crate) async fn last(connection: &Connection, shard: Shard, filter: &str) -> Result<Option<Raw>, Error> {
    let stream = connection.jetstream.get_stream_no_info(&connection.shard(shard).stream).await.map_err(Error::unavailable)?;
    retry_on_reconnect(connection, || async { found(stream.get_last_raw_message_by_subject(filter).await) }).await
}

/// Gets the last message of each of `subjects` as of the sequence `end` or later; a subject without messages is left out.
pub(crate) async fn latest(connection: &Connection, shard: Shard, subjects: &[String], end: u64) -> Result<Vec<Raw>, Error> {
    let mut latest = Vec::with_capacity(subjects.len());
    for subjects in subjects.chunks(SUBJECTS) {
        if let Some(raws) = latest_of(connection, shard, subjects, end).await? {
            latest.extend(raws);
        } else {
            let asked = stream::iter(subjects.to_vec())
                .map(|subject| async move { last(connection, shard, &subject).await })
                .buffer_unordered(ASKED_AT_ONCE);
            latest.extend(asked.try_collect::<Vec<_>>().await?.into_iter().flatten());
        }
    }
    Ok(latest)
}

/// As [`latest`], from any replica; `None` where the one that answers may not have reached `end`.
async fn latest_of(connection: &Connection, shard: Shard, subjects: &[String], end: u64) -> Result<Option<Vec<Raw>>, Error> {
    let mut raws: Vec<Raw> = Vec::new();
    let mut upto = 0;
    loop {
        let after = raws.last().map_or(0, |raw| raw.sequence);
        let request = json!({ "multi_last": subjects, "seq": after + 1, "up_to_seq": upto });
        let page = retry_on_reconnect(connection, || batch(connection, &connection.shard(shard).stream, &request)).await?;
        upto = page.upto.unwrap_or(upto);
        raws.extend(page.raws);
        // With one replica the leader has answered.
        if connection.replicas > 1 && upto < end {
            return Ok(None);
        }
        if page.is_last {
            return Ok(Some(raws));
        }
    }
}

/// Asks the leader for the first message of `filter` after `after`.
pub(crate) async fn next(connection: &Connection, shard: Shard, filter: &str, after: u64) -> Result<Option<Raw>, Error> {
    let stream = connection.jetstream.get_stream_no_info(&connection.shard(shard).stream).await.map_err(Error::unavailable)?;
    let ask = || async { found(stream.raw_message_builder().sequence(after + 1).next_by_subject(filter).send().await) };
    retry_on_reconnect(connection, ask).await
}

/// Repeats a request after every reconnection: the answer to the earlier one was lost with its connection.
async fn retry_on_reconnect<T, F: Future<Output = Result<T, Error>>>(
    connection: &Connection,
    ask: impl Fn() -> F,
) -> Result<T, Error> {
    let mut reconnects = connection.reconnects.clone();
    loop {
        reconnects.mark_unchanged();
        tokio::select! {
            answer = ask() => return answer,
            changed = reconnects.changed() => changed.map_err(Error::unavailable)?,
        }
    }
}

fn found(answer: Result<StreamMessage, RawMessageError>) -> Result<Option<Raw>, Error> {
    match answer {
        Ok(message) => Ok(Some(Raw {
            subject: message.subject.to_string(),
            sequence: message.sequence,
            headers: Some(message.headers),
            payload: message.payload,
        })),
        Err(error) => match error.kind() {
            LastRawMessageErrorKind::NoMessageFound => Ok(None),
            LastRawMessageErrorKind::JetStream(cause) => {
                Err(Error::Refused { code: cause.error_code().0, description: cause.to_string() })
            }
            LastRawMessageErrorKind::InvalidSubject | LastRawMessageErrorKind::Other => Err(Error::unavailable(error)),
        },
    }
}

struct Page {
    raws: Vec<Raw>,
    is_last: bool,
    /// The stream's last sequence when the batch was made, where the server tells it.
    upto: Option<u64>,
}

/// Gets many messages by one request (ADR-31, batch and multi-subject direct get).
async fn batch(connection: &Connection, stream: &str, request: &Value) -> Result<Page, Error> {
    let inbox = connection.client.new_inbox();
    let mut answers = connection.client.subscribe(inbox.clone()).await.map_err(Error::unavailable)?;
    let subject = format!("$JS.API.DIRECT.GET.{stream}");
    connection.client.publish_with_reply(subject, inbox, Bytes::from(request.to_string())).await.map_err(Error::unavailable)?;
    let mut raws = Vec::new();
    loop {
        let answer = timeout(BATCH_TIMEOUT, answers.next()).await.map_err(Error::unavailable)?;
        let answer = answer.ok_or_else(|| Error::unavailable("the connection was closed"))?;
        match answer.status.map(|status| status.as_u16()) {
            None => raws.push(message(answer)?),
            Some(END_OF_BATCH) => {
                let header = |name| answer.headers.as_ref().and_then(|headers| number(headers, name));
                return Ok(Page { raws, is_last: header("Nats-Num-Pending") == Some(0), upto: header("Nats-UpTo-Sequence") });
            }
            Some(404) => return Ok(Page { raws, is_last: true, upto: None }),
            Some(code) => return Err(refused(code, &answer)),
        }
    }
}

fn message(answer: Message) -> Result<Raw, Error> {
    let malformed = || Error::unavailable("an answer without its sequence in the stream");
    let headers = answer.headers.ok_or_else(malformed)?;
    let sequence = number(&headers, "Nats-Sequence").ok_or_else(malformed)?;
    let subject = headers.get("Nats-Subject").ok_or_else(malformed)?.as_str().to_owned();
    Ok(Raw { subject, sequence, headers: Some(headers), payload: answer.payload })
}

fn refused(code: u16, answer: &Message) -> Error {
    if code == StatusCode::NO_RESPONDERS.as_u16() {
        return Error::unavailable("no server answers for the stream");
    }
    Error::Refused { code: u64::from(code), description: answer.description.clone().unwrap_or_default() }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.as_str().parse().ok()
}
