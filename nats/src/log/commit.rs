//! The codec of a commit: one message of the log. Its names and fields are a storage format.

use std::sync::Arc;

use async_nats::HeaderMap;
use async_nats::header::{HeaderName, HeaderValue, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE};
use bytes::Bytes;
use cqrs_es::DomainEvent;
use domain::{Aggregate, CommandId, Fingerprint, KeyId, LinkId, Target, Timestamp, agent, link, session};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::log::position::Hash;
use crate::log::trace;

static COMMAND_ID: HeaderName = HeaderName::from_static("Command-Id");
static EVENT_TYPES: HeaderName = HeaderName::from_static("Event-Types");
static SCHEMA_VERSION: HeaderName = HeaderName::from_static("Schema-Version");
static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The version of the envelope; an event's own version is part of its name.
const VERSION: &str = "1";

/// Who caused a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The person.
    Chatter,
    /// The agent, by one of its keys.
    Agent(KeyId),
    /// The operator of this installation.
    Operator,
    /// A scheduled command.
    Timer,
}

/// The events of one command on one aggregate: stored whole or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commit<E> {
    /// The command that made it.
    pub id: CommandId,
    /// A keyed hash of the command's content.
    pub fingerprint: Fingerprint,
    /// When it was decided.
    pub at: Timestamp,
    /// Who caused it.
    pub actor: Actor,
    /// The link of a session's commit, so that readers can route it without a look-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// The hash of the stored bytes of the previous commit on this subject.
    pub previous: Hash,
    /// What happened, in order; at least one.
    pub events: Vec<E>,
}

/// A commit as it is stored: encoded once, hashed once.
#[derive(Debug)]
pub(crate) struct Encoded {
    pub(crate) payload: Bytes,
    pub(crate) hash: Hash,
    /// None for what no command made.
    command: Option<CommandId>,
    types: String,
    parent: Option<Arc<str>>,
}

impl Encoded {
    pub(crate) fn new<A: Aggregate>(commit: &Commit<A::Event>) -> Result<Self, rmp_serde::encode::Error> {
        let mut payload = Vec::with_capacity(768);
        rmp_serde::encode::write_named(&mut payload, commit)?;
        let types = commit.events.iter().map(DomainEvent::event_type).collect::<Vec<_>>().join(",");
        Ok(Self { hash: Hash::of(&payload), payload: payload.into(), command: Some(commit.id), types, parent: trace::parent() })
    }

    /// Takes a message that is no aggregate's commit and that no command made.
    pub(crate) fn record(payload: Vec<u8>, kind: &str) -> Self {
        Self { hash: Hash::of(&payload), payload: payload.into(), command: None, types: kind.to_owned(), parent: None }
    }

    /// Writes the headers: the expected sequence for the server, the others for readers that do not decode the body.
    pub(crate) fn headers(&self, expected: u64) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        if let Some(command) = self.command {
            headers.insert(COMMAND_ID.clone(), command.to_string());
        }
        headers.insert(EVENT_TYPES.clone(), self.types.as_str());
        headers.insert(SCHEMA_VERSION.clone(), VERSION);
        if let Some(parent) = &self.parent {
            headers.insert(TRACEPARENT.clone(), &**parent);
        }
        headers
    }

    /// Estimates the bytes that the server's file store counts for this commit: record head, subject, headers and body.
    pub(crate) fn stored_size(&self, subject: &str) -> u64 {
        // The record; `NATS/1.0` and the empty line; the four headers with a sequence of 3 digits and without the types.
        const FIXED: usize = 34 + 12 + 42 + 44 + 15 + 19;
        let trace = self.parent.as_ref().map_or(0, |parent| parent.len() + 15);
        (FIXED + subject.len() + self.types.len() + trace + self.payload.len()) as u64
    }
}

/// Why stored bytes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not `MessagePack` of the wanted shape, or name an event that this program does not know.
    #[error(transparent)]
    Shape(#[from] rmp_serde::decode::Error),
    /// Something follows the value.
    #[error("bytes follow the value")]
    Trailing,
    /// A newer program wrote this.
    #[error("the envelope has version {0:?}, this program knows {VERSION}")]
    Version(String),
    /// The header that names the command is missing.
    #[error("the header Command-Id is missing")]
    NoCommand,
    /// A pruning record does not carry this installation's tag.
    #[error("the tag is not this installation's")]
    Tag,
    /// The subject is not one that this program writes.
    #[error("the subject is not an aggregate's")]
    Subject,
}

/// Reads one value and nothing after it.
fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    let value = T::deserialize(&mut deserializer)?;
    match IgnoredAny::deserialize(&mut deserializer) {
        Ok(_) => Err(DecodeError::Trailing),
        Err(_) => Ok(value),
    }
}

impl<E: DeserializeOwned> Commit<E> {
    /// Reads a commit from its stored bytes; fails closed on a version it does not know.
    pub(crate) fn decode(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Self, DecodeError> {
        let version = headers.and_then(|headers| headers.get(SCHEMA_VERSION.clone())).map_or("", HeaderValue::as_str);
        if version == VERSION { decode(payload) } else { Err(DecodeError::Version(version.to_owned())) }
    }
}

impl<E> Commit<E> {
    fn map<F>(self, convert: impl FnMut(E) -> F) -> Commit<F> {
        let Self { id, fingerprint, at, actor, link, previous, events } = self;
        Commit { id, fingerprint, at, actor, link, previous, events: events.into_iter().map(convert).collect() }
    }
}

/// The kinds of aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An agent.
    Agent,
    /// A link.
    Link,
    /// A session.
    Session,
}

impl From<Target> for Kind {
    fn from(target: Target) -> Self {
        match target {
            Target::Agent => Self::Agent,
            Target::Link(_) => Self::Link,
            Target::Session(_) => Self::Session,
        }
    }
}

/// An event of any aggregate; the same bytes as the event itself.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AnyEvent {
    /// An agent's.
    Agent(agent::Event),
    /// A link's.
    Link(link::Event),
    /// A session's.
    Session(session::Event),
}

impl AnyEvent {
    /// Returns the event's wire name.
    pub fn wire_name(&self) -> &'static str {
        match self {
            Self::Agent(event) => event.wire_name(),
            Self::Link(event) => event.wire_name(),
            Self::Session(event) => event.wire_name(),
        }
    }

    /// Encodes the event alone, as it is in the log.
    pub fn to_bytes(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).expect("an event that was read can be written")
    }

    /// Reads the event of a `kind` from what [`Self::to_bytes`] wrote.
    pub fn from_bytes(kind: Kind, bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(match kind {
            Kind::Agent => Self::Agent(decode(bytes)?),
            Kind::Link => Self::Link(decode(bytes)?),
            Kind::Session => Self::Session(decode(bytes)?),
        })
    }
}

/// Encodes a link's settings alone, as its events hold them.
pub fn settings_to_bytes(settings: &link::Settings) -> Vec<u8> {
    rmp_serde::to_vec_named(settings).expect("settings that were read can be written")
}

/// Reads what [`settings_to_bytes`] wrote.
pub fn settings_from_bytes(bytes: &[u8]) -> Result<link::Settings, DecodeError> {
    decode(bytes)
}

impl Commit<AnyEvent> {
    /// Reads a commit of a `kind` of aggregate.
    pub(crate) fn decode_any(kind: Kind, headers: Option<&HeaderMap>, payload: &[u8]) -> Result<Self, DecodeError> {
        Ok(match kind {
            Kind::Agent => Commit::decode(headers, payload)?.map(AnyEvent::Agent),
            Kind::Link => Commit::decode(headers, payload)?.map(AnyEvent::Link),
            Kind::Session => Commit::decode(headers, payload)?.map(AnyEvent::Session),
        })
    }
}

/// Returns the values of the headers that readers dispatch on, in a fixed order; a missing one is empty.
pub(crate) fn dispatched_headers(headers: Option<&HeaderMap>) -> [&str; 3] {
    let value = |name: &HeaderName| headers.and_then(|headers| headers.get(name.clone())).map_or("", HeaderValue::as_str);
    [value(&COMMAND_ID), value(&EVENT_TYPES), value(&SCHEMA_VERSION)]
}

/// Reads the wire names of a commit's events, separated by commas, from its headers alone.
pub(crate) fn event_types(headers: &HeaderMap) -> Option<&str> {
    Some(headers.get(EVENT_TYPES.clone())?.as_str())
}

/// Reads the id of the command that made a commit from its headers alone.
pub(crate) fn command_id(headers: &HeaderMap) -> Option<CommandId> {
    CommandId::parse(headers.get(COMMAND_ID.clone())?.as_str()).ok()
}
