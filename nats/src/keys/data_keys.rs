//! Data keys: one for each link and session, wrapped by a master key, in a stream of their own.
//!
//! Deleting a message overwrites its bytes on the server's disk, so a key is destroyed by deleting every message on its
//! subject until the leader has none. From then on no copy of a ciphertext sealed under it can be opened.
//!
//! The subject of a destroyed key looks like one that never had a key, and [`Keys::create`] would make a new key there. That
//! opens no earlier text, since every text names the key that sealed it, and the aggregate refuses it, having ended. Call
//! `create` only for a link or session that is about to begin, and [`Keys::get`] otherwise.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{DeleteMessageErrorKind, RawMessageError, RawMessageErrorKind, Stream};
use domain::Address;
use futures_util::TryStreamExt;
use moka::future::Cache;

use crate::Error;
use crate::keys::sealing;
use crate::keys::sealing::DataKey;
use crate::keys::secrets::Secrets;
use crate::keys::wrapping::{Wrapping, WrappingError};
use crate::log::subjects;

/// How long a key is used without asking the leader again.
const FRESH: Duration = Duration::from_secs(45);

/// How often expired keys are removed from the cache: with [`FRESH`] no key stays longer than 60 s.
const SWEEP: Duration = Duration::from_secs(15);

/// How many keys are cached (some 300 bytes each).
const CACHED: u64 = 20_000;

/// How often the creation of a key is tried where another process wrote first or no answer arrived.
const ATTEMPTS: usize = 4;

/// The data keys; cheap to clone.
#[derive(Clone)]
pub struct Keys {
    inner: Arc<Inner>,
}

struct Inner {
    context: Context,
    stream: Stream<()>,
    wrapping: Wrapping,
    cache: Cache<Address, DataKey>,
    /// Owners whose key this process has destroyed: a concurrent read must not put the key back into the cache.
    destroyed: Cache<Address, ()>,
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
    pub(crate) async fn open(context: Context, secrets: Secrets) -> Result<Self, Error> {
        let stream = context.get_stream_no_info(subjects::KEYS).await.map_err(Error::unavailable)?;
        let cache = Cache::builder().max_capacity(CACHED).time_to_live(FRESH).build();
        let destroyed = Cache::builder().max_capacity(CACHED).time_to_live(FRESH).build();
        let inner = Arc::new(Inner { context, stream, wrapping: Wrapping::new(secrets), cache, destroyed });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Creates the key of a link or session that is about to begin, or returns the existing one: concurrent callers get the same
    /// key.
    pub async fn create(&self, owner: Address) -> Result<DataKey, Error> {
        if let Some(key) = self.get(owner).await? {
            return Ok(key);
        }
        let key = self.inner.create(&subjects::key(&owner)).await?;
        self.inner.destroyed.invalidate(&owner).await;
        self.inner.cache.insert(owner, key.clone()).await;
        Ok(key)
    }

    /// Returns the key of `owner`, at most 60 s old; `None` only when the stream's leader has none.
    pub async fn get(&self, owner: Address) -> Result<Option<DataKey>, Error> {
        let Inner { cache, destroyed, .. } = &*self.inner;
        loop {
            let mut asked = false;
            let found = cache
                .try_get_with(owner, async {
                    asked = true;
                    self.inner.fetch(&subjects::key(&owner)).await
                })
                .await;
            match found {
                Ok(key) if !destroyed.contains_key(&owner) => return Ok(Some(key)),
                Ok(_) => {
                    cache.invalidate(&owner).await;
                    return match self.inner.fetch(&subjects::key(&owner)).await {
                        Ok(key) => Ok(Some(key)),
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

    /// Lists the owners of all keys that the leader has; for the start, when no key is created or destroyed.
    pub async fn owners(&self) -> Result<Vec<Address>, Error> {
        let subjects = self.inner.stream.info_with_subjects(subjects::ALL_KEYS).await.map_err(Error::unavailable)?;
        let foreign = |subject| Error::unavailable(format_args!("{subject} is no key's subject"));
        subjects
            .map_err(Error::unavailable)
            .and_then(async |(subject, _)| subjects::parse_key(&subject).ok_or_else(|| foreign(subject)))
            .try_collect()
            .await
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("cached", &self.inner.cache.entry_count()).finish_non_exhaustive()
    }
}

impl Inner {
    async fn fetch(&self, subject: &str) -> Result<DataKey, Missing> {
        let message = self.stream.raw_message_builder().last_by_subject(subject).send().await?;
        match self.wrapping.unwrap(subject, &message.payload) {
            Ok(key) => Ok(DataKey::new(&key)),
            Err(reason) => Err(Missing::Unusable { sequence: message.sequence, reason }),
        }
    }

    /// Writes a new key where the subject is empty. If another process wrote first or no answer arrived, the leader's key is the
    /// one.
    async fn create(&self, subject: &str) -> Result<DataKey, Error> {
        let key = sealing::draw();
        let mut attempts = 0;
        loop {
            let Err(failure) = self.append(subject, &key).await else { return Ok(DataKey::new(&key)) };
            attempts += 1;
            match self.fetch(subject).await {
                Ok(key) => return Ok(key),
                Err(Missing::Key) if attempts < ATTEMPTS => {}
                Err(Missing::Key) => return Err(failure),
                Err(missing) => return Err(missing.error_on(subject)),
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

    /// Appends a wrapped key where its subject is empty.
    async fn append(&self, subject: &str, key: &[u8; 32]) -> Result<(), Error> {
        let publish = PublishMessage::build().expected_last_subject_sequence(0).payload(self.wrapping.wrap(subject, key).into());
        let acknowledgement = self.context.send_publish(subject.to_owned(), publish).await.map_err(Error::unavailable)?;
        acknowledgement.await.map_err(Error::unavailable)?;
        Ok(())
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
