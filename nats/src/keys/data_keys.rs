//! Data keys: one for each link and session, wrapped by a master key, in a stream of their own.
//!
//! Deleting a message overwrites its bytes on the server's disk, so a key is destroyed by deleting every message on its
//! subject until the leader has none. From then on no copy of a ciphertext sealed under it can be opened.
//!
//! The subject of a destroyed key looks like one that never had a key, and [`Keys::create`] would make a new key there. That
//! opens no earlier text, since every text names the key that sealed it, and the aggregate refuses it, having ended. Call
//! `create` only for a link or session that is about to begin, and [`Keys::get`] otherwise.
//!
//! A key whose link or session never began can be collected ([`Keys::take`]). Every creation stores the key during its own call,
//! also where an earlier creation has left one, so the age of a key's message tells how long ago the last creation began.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{DeleteMessageErrorKind, RawMessageError, RawMessageErrorKind, Stream};
use bytes::Bytes;
use domain::Address;
use moka::future::Cache;

use crate::Error;
use crate::keys::sealing;
use crate::keys::sealing::DataKey;
use crate::keys::secrets::Secrets;
use crate::keys::wrapping::{Wrapping, WrappingError};
use crate::log::connection::Connection;
use crate::log::position::Epoch;
use crate::log::subjects;

/// How long a key is used without asking the leader again.
const FRESH: Duration = Duration::from_secs(45);

/// How often expired keys are removed from the cache: with [`FRESH`] no key stays longer than 60 s.
const SWEEP: Duration = Duration::from_secs(15);

/// How many keys are cached (some 300 bytes each).
const CACHED: u64 = 20_000;

/// How often the creation of a key is tried where another process wrote first or no answer arrived.
const ATTEMPTS: usize = 4;

/// The header with the epoch of the log that a key was made for.
pub(super) const EPOCH: &str = "Tempchat-Epoch";

/// The data keys; cheap to clone.
#[derive(Clone)]
pub struct Keys {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) connection: Arc<Connection>,
    stream: Stream<()>,
    wrapping: Wrapping,
    cache: Cache<Address, DataKey>,
    /// Owners whose key this process has destroyed: a concurrent read must not put the key back into the cache.
    destroyed: Cache<Address, ()>,
}

/// A key for what is about to begin, with the form in which it is stored: it can be put back.
#[derive(Clone)]
pub struct NewKey {
    key: DataKey,
    wrapped: Bytes,
}

/// A key as the leader has it.
struct Found {
    sequence: u64,
    key: NewKey,
}

/// Why a request to the leader gave no key.
#[derive(Debug)]
enum Missing {
    /// The leader has none.
    Key,
    /// The leader did not answer.
    Answer(String),
    /// The stored value cannot be unwrapped.
    Unusable { sequence: u64, reason: WrappingError },
}

impl Keys {
    /// Opens the stream of keys, which must exist.
    pub(crate) async fn open(connection: Arc<Connection>, secrets: Secrets) -> Result<Self, Error> {
        let stream = connection.jetstream.get_stream_no_info(subjects::KEYS).await.map_err(Error::unavailable)?;
        let cache = Cache::builder().max_capacity(CACHED).time_to_live(FRESH).build();
        let destroyed = Cache::builder().max_capacity(CACHED).time_to_live(FRESH).build();
        let inner = Arc::new(Inner { connection, stream, wrapping: Wrapping::new(secrets), cache, destroyed });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Creates the key of a link or session that is about to begin, or renews the existing one: concurrent callers get the same
    /// key, and its newest message was stored after this call began.
    pub async fn create(&self, owner: Address) -> Result<NewKey, Error> {
        let key = self.inner.create(&owner).await?;
        self.inner.destroyed.invalidate(&owner).await;
        self.inner.cache.insert(owner, key.key.clone()).await;
        Ok(key)
    }

    /// Asks the leader whether it still has `key`.
    pub async fn has(&self, owner: Address, key: &NewKey) -> Result<bool, Error> {
        match self.inner.fetch(&subjects::key(&owner)).await {
            Ok(found) => Ok(found.key.is_same(key)),
            Err(Missing::Key) => Ok(false),
            Err(missing) => Err(missing.error(&owner)),
        }
    }

    /// Stores `key` again, over whatever the leader has by then.
    pub async fn put_back(&self, owner: Address, key: &NewKey) -> Result<(), Error> {
        let mut attempts = 0;
        loop {
            let expected = match self.inner.fetch(&subjects::key(&owner)).await {
                Ok(found) if found.key.is_same(key) => break,
                Ok(found) => found.sequence,
                Err(Missing::Key) => 0,
                Err(missing) => return Err(missing.error(&owner)),
            };
            let Err(failure) = self.inner.append(&owner, expected, key.wrapped.clone()).await else { break };
            attempts += 1;
            if attempts == ATTEMPTS {
                return Err(failure);
            }
        }
        self.inner.destroyed.invalidate(&owner).await;
        self.inner.cache.insert(owner, key.key.clone()).await;
        Ok(())
    }

    /// Overwrites the one message at `sequence` on the server, and returns the key that it held; what was stored since on the same
    /// subject stays. `None` where it is gone already.
    pub async fn take(&self, owner: Address, sequence: u64) -> Result<Option<NewKey>, Error> {
        let found = match self.inner.stream.raw_message_builder().sequence(sequence).send().await.map_err(Missing::from) {
            Ok(message) => self.inner.read(&subjects::key(&owner), message).map_err(|missing| missing.error(&owner))?,
            Err(Missing::Key) => return Ok(None),
            Err(missing) => return Err(missing.error(&owner)),
        };
        self.inner.delete(sequence).await?;
        self.inner.destroyed.insert(owner, ()).await;
        self.forget(owner).await;
        Ok(Some(found.key))
    }

    /// Returns the key of `owner`, at most 60 s old; `None` only when the stream's leader has none.
    pub async fn get(&self, owner: Address) -> Result<Option<DataKey>, Error> {
        let Inner { cache, destroyed, .. } = &*self.inner;
        loop {
            let mut asked = false;
            let found = cache
                .try_get_with(owner, async {
                    asked = true;
                    self.inner.fetch(&subjects::key(&owner)).await.map(|found| found.key.key)
                })
                .await;
            match found {
                Ok(key) if !destroyed.contains_key(&owner) => return Ok(Some(key)),
                Ok(_) => {
                    cache.invalidate(&owner).await;
                    return match self.inner.fetch(&subjects::key(&owner)).await {
                        Ok(found) => Ok(Some(found.key.key)),
                        Err(Missing::Key) => Ok(None),
                        Err(missing) => Err(missing.error(&owner)),
                    };
                }
                // This result belongs to an earlier caller's request and may be older than this call: ask again.
                Err(missing) if !asked && matches!(*missing, Missing::Key) => {}
                Err(missing) if matches!(*missing, Missing::Key) => return Ok(None),
                Err(missing) => return Err(missing.error(&owner)),
            }
        }
    }

    /// Overwrites the key of `owner` on the server and returns once the leader has nothing left on its subject; idempotent.
    pub async fn destroy(&self, owner: Address) -> Result<(), Error> {
        let destroyed = self.inner.destroy(&subjects::key(&owner)).await;
        if destroyed.is_ok() {
            self.inner.destroyed.insert(owner, ()).await;
        }
        self.forget(owner).await;
        destroyed
    }

    /// Drops the key from this process's cache.
    pub async fn forget(&self, owner: Address) {
        self.inner.cache.invalidate(&owner).await;
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("cached", &self.inner.cache.entry_count()).finish_non_exhaustive()
    }
}

impl Inner {
    async fn fetch(&self, subject: &str) -> Result<Found, Missing> {
        self.read(subject, self.stream.raw_message_builder().last_by_subject(subject).send().await?)
    }

    fn read(&self, subject: &str, message: StreamMessage) -> Result<Found, Missing> {
        let StreamMessage { sequence, payload, .. } = message;
        match self.wrapping.unwrap(subject, &payload) {
            Ok(key) => Ok(Found { sequence, key: NewKey { key: DataKey::new(&key), wrapped: payload } }),
            Err(reason) => Err(Missing::Unusable { sequence, reason }),
        }
    }

    /// Writes a new key where the subject is empty. If another process wrote first or no answer arrived, the leader's key is the
    /// one, and is stored once more.
    async fn create(&self, owner: &Address) -> Result<NewKey, Error> {
        let subject = subjects::key(owner);
        let key = sealing::draw();
        let new = NewKey { key: DataKey::new(&key), wrapped: self.wrapping.wrap(&subject, &key).into() };
        let mut attempts = 0;
        loop {
            let Err(failure) = self.append(owner, 0, new.wrapped.clone()).await else { return Ok(new) };
            attempts += 1;
            match self.fetch(&subject).await {
                Ok(found) => {
                    if let Some(key) = self.renew(owner, found).await? {
                        return Ok(key);
                    }
                }
                Err(Missing::Key) => {}
                Err(missing) => return Err(missing.error(owner)),
            }
            if attempts == ATTEMPTS {
                return Err(failure);
            }
        }
    }

    /// Stores a key that was there once more and deletes its earlier message; `None` if it was destroyed meanwhile.
    ///
    /// The leader stores it only where that message is still the subject's last, so no destroyed key comes back.
    async fn renew(&self, owner: &Address, found: Found) -> Result<Option<NewKey>, Error> {
        let Found { sequence, key } = found;
        let mut attempts = 0;
        loop {
            let Err(failure) = self.append(owner, sequence, key.wrapped.clone()).await else {
                if let Err(error) = self.delete(sequence).await {
                    tracing::debug!(%error, "an earlier message of a key is left to be collected");
                }
                return Ok(Some(key));
            };
            attempts += 1;
            match self.fetch(&subjects::key(owner)).await {
                // Another creation stored it while this one was at it.
                Ok(newer) if newer.sequence != sequence => return Ok(Some(newer.key)),
                Ok(_) if attempts < ATTEMPTS => {}
                Ok(_) => return Err(failure),
                Err(Missing::Key) => return Ok(None),
                Err(missing) => return Err(missing.error(owner)),
            }
        }
    }

    /// Deletes all messages, including those that are appended meanwhile, until the leader has none.
    async fn destroy(&self, subject: &str) -> Result<(), Error> {
        let mut previous = None;
        while let Some(message) = self.first(subject).await? {
            if previous == Some(message.sequence) {
                return Err(Error::unavailable(format_args!("sequence {} of {subject} is still there", message.sequence)));
            }
            self.delete(message.sequence).await?;
            previous = Some(message.sequence);
        }
        Ok(())
    }

    /// Appends a wrapped key where `expected` is its subject's last message; 0 for none.
    async fn append(&self, owner: &Address, expected: u64, wrapped: Bytes) -> Result<(), Error> {
        let publish = PublishMessage::build()
            .expected_last_subject_sequence(expected)
            .header(EPOCH, self.epoch(owner).to_string())
            .payload(wrapped);
        let (jetstream, writes) = (&self.connection.jetstream, &self.connection.writes);
        let connection = *self.connection.reconnects.borrow();
        let stored = match jetstream.send_publish(subjects::key(owner), publish).await {
            Ok(acknowledgement) => acknowledgement.await.map(drop),
            Err(error) => Err(error),
        };
        match &stored {
            Ok(()) => writes.stored(subjects::KEYS),
            Err(error) => {
                // Of a lost connection others tell; a conflict is no fault of the store.
                let is_same = self.connection.is_connected() && *self.connection.reconnects.borrow() == connection;
                if is_same && matches!(error.kind(), PublishErrorKind::TimedOut | PublishErrorKind::Other) {
                    writes.failed(subjects::KEYS, &error.to_string());
                }
            }
        }
        stored.map_err(Error::unavailable)
    }

    /// Returns the epoch of the log that holds the commits of `owner`.
    pub(super) fn epoch(&self, owner: &Address) -> Epoch {
        self.connection.shard(self.connection.shard_of(owner.agent)).epoch
    }

    /// Finds the leader's first message on `subject`.
    async fn first(&self, subject: &str) -> Result<Option<StreamMessage>, Error> {
        match self.stream.raw_message_builder().sequence(1).next_by_subject(subject).send().await.map_err(Missing::from) {
            Ok(message) => Ok(Some(message)),
            Err(Missing::Key) => Ok(None),
            Err(missing) => Err(missing.error_on(subject)),
        }
    }

    /// Deletes a message; the server overwrites its bytes, as the request does not set `no_erase`. An absent message is no error.
    async fn delete(&self, sequence: u64) -> Result<(), Error> {
        match self.stream.delete_message(sequence).await {
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                DeleteMessageErrorKind::JetStream(refusal)
                    if [ErrorCode::STREAM_MESSAGE_DELETE_FAILED, ErrorCode::SEQUENCE_NOT_FOUND]
                        .contains(&refusal.error_code()) =>
                {
                    Ok(())
                }
                DeleteMessageErrorKind::JetStream(_) | DeleteMessageErrorKind::Request | DeleteMessageErrorKind::TimedOut => {
                    Err(Error::unavailable(error))
                }
            },
        }
    }
}

impl NewKey {
    fn is_same(&self, other: &Self) -> bool {
        self.key.is_same(&other.key)
    }
}

impl Deref for NewKey {
    type Target = DataKey;

    fn deref(&self) -> &DataKey {
        &self.key
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").finish_non_exhaustive()
    }
}

/// Removes expired keys from the cache even without any access; ends when the last `Keys` is dropped.
async fn sweep(keys: Weak<Inner>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        let Some(inner) = keys.upgrade() else { return };
        inner.cache.run_pending_tasks().await;
        inner.destroyed.run_pending_tasks().await;
    }
}

impl From<RawMessageError> for Missing {
    fn from(error: RawMessageError) -> Self {
        match error.kind() {
            RawMessageErrorKind::NoMessageFound => Self::Key,
            RawMessageErrorKind::InvalidSubject | RawMessageErrorKind::JetStream(_) | RawMessageErrorKind::Other => {
                Self::Answer(error.to_string())
            }
        }
    }
}

impl Missing {
    fn error(&self, owner: &Address) -> Error {
        self.error_on(&subjects::key(owner))
    }

    fn error_on(&self, subject: &str) -> Error {
        match self {
            Self::Key => Error::unavailable(format_args!("{subject} has no key")),
            Self::Answer(reason) => Error::unavailable(reason),
            Self::Unusable { sequence, reason } => {
                Error::Corrupt { subject: subject.to_owned(), sequence: *sequence, reason: reason.to_string() }
            }
        }
    }
}
