//! Data keys: one for each link and session, wrapped by a master key, in a stream of their own.
//!
//! Only the deletion of a message overwrites its bytes on the server's disk, so destroying a key is deleting every message
//! on its subject, until the leader itself says that none is left. Then the words are gone wherever their ciphertext lies.
//!
//! The subject of a destroyed key is as free as one that never had a key: [`Keys::create`] would make another key there.
//! That brings no word back, since every text names the key that sealed it, and it starts nothing, since an ended session
//! and a closed link refuse it. So ask `create` only for what is about to begin, and [`Keys::get`] for all else.

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

use crate::sealing::{self, DataKey};
use crate::wrapping::{Wrapping, WrappingError};
use crate::{Error, Secrets, subjects};

/// How long a key is used without asking the leader again.
const FRESH: Duration = Duration::from_secs(45);

/// How often the cache lets go of what is no longer fresh: with [`FRESH`] no key stays longer than 60 s.
const SWEEP: Duration = Duration::from_secs(15);

/// How many keys are kept at hand (some 300 bytes each).
const CACHED: u64 = 20_000;

/// How often a write is tried that another's write got before, or of which no answer came.
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
    /// Owners whose key this process has destroyed: a read that was under way must not bring it back into the cache.
    destroyed: Cache<Address, ()>,
}

/// Why a question to the leader gave no key.
#[derive(Debug)]
enum Missing {
    /// The leader says that there is none.
    Key,
    /// The leader did not say.
    Answer(String),
    /// There is something, but no key that we can use.
    Sense { sequence: u64, reason: WrappingError },
}

impl Keys {
    /// Takes hold of the stream of keys, which must be there.
    pub(crate) async fn open(context: Context, secrets: Secrets) -> Result<Self, Error> {
        let stream = context.get_stream_no_info(subjects::KEYS).await.map_err(Error::unavailable)?;
        let cache = Cache::builder().max_capacity(CACHED).time_to_live(FRESH).build();
        let destroyed = Cache::builder().max_capacity(CACHED).time_to_live(FRESH).build();
        let inner = Arc::new(Inner { context, stream, wrapping: Wrapping::new(secrets), cache, destroyed });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Ok(Self { inner })
    }

    /// Makes the key of a link or session that is about to begin, or returns the one it has: all creators get the same key.
    pub async fn create(&self, owner: Address) -> Result<DataKey, Error> {
        if let Some(key) = self.get(owner).await? {
            return Ok(key);
        }
        let key = self.inner.create(&subjects::key(&owner)).await?;
        self.inner.destroyed.invalidate(&owner).await;
        self.inner.cache.insert(owner, key.clone()).await;
        Ok(key)
    }

    /// Returns the key of `owner`, at most 60 s old; none only when the stream's leader says that there is none.
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
                // An answer to someone who asked before us may be older than our question.
                Err(missing) if !asked && matches!(*missing, Missing::Key) => {}
                Err(missing) if matches!(*missing, Missing::Key) => return Ok(None),
                Err(missing) => return Err(missing.error(&owner)),
            }
        }
    }

    /// Overwrites the key of `owner` on the server and returns once the leader says that nothing is left; may be repeated at will.
    pub async fn destroy(&self, owner: Address) -> Result<(), Error> {
        let destroyed = self.inner.destroy(&subjects::key(&owner)).await;
        if destroyed.is_ok() {
            self.inner.destroyed.insert(owner, ()).await;
        }
        self.forget(owner).await;
        destroyed
    }

    /// Drops the key from this process, as everything of an owner is dropped when it has ended or was erased.
    pub async fn forget(&self, owner: Address) {
        self.inner.cache.invalidate(&owner).await;
    }

    /// Lists whose keys there are, as the leader knows them; for the start, when nobody makes or destroys any.
    pub async fn owners(&self) -> Result<Vec<Address>, Error> {
        let subjects = self.inner.stream.info_with_subjects(subjects::ALL_KEYS).await.map_err(Error::unavailable)?;
        let stranger = |subject| Error::unavailable(format_args!("{subject} is no key's subject"));
        subjects
            .map_err(Error::unavailable)
            .and_then(async |(subject, _)| subjects::parse_key(&subject).ok_or_else(|| stranger(subject)))
            .try_collect()
            .await
    }

    /// Wraps every key anew that another master key than the current one wraps, and overwrites the old form; returns how many.
    ///
    /// May be broken off and repeated; only after it has returned may the other master keys be retired.
    pub async fn rewrap(&self) -> Result<u64, Error> {
        let mut count = 0;
        let mut after = 0;
        while let Some(message) = self.inner.first(subjects::ALL_KEYS, after + 1).await? {
            after = message.sequence;
            count += u64::from(self.inner.rewrap(&message).await?);
        }
        Ok(count)
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
            Err(reason) => Err(Missing::Sense { sequence: message.sequence, reason }),
        }
    }

    /// Writes a new key where the subject is free. Lost the race, or the answer: the leader says whose key it is.
    async fn create(&self, subject: &str) -> Result<DataKey, Error> {
        let key = sealing::draw();
        let mut attempts = 0;
        loop {
            let Err(failure) = self.append(subject, 0, &key).await else { return Ok(DataKey::new(&key)) };
            attempts += 1;
            match self.fetch(subject).await {
                Ok(key) => return Ok(key),
                Err(Missing::Key) if attempts < ATTEMPTS => {}
                Err(Missing::Key) => return Err(failure),
                Err(missing) => return Err(missing.error_on(subject)),
            }
        }
    }

    /// Deletes message after message, those too that others append meanwhile, until the leader finds none.
    async fn destroy(&self, subject: &str) -> Result<(), Error> {
        let mut previous = None;
        while let Some(message) = self.first(subject, 1).await? {
            if previous == Some(message.sequence) {
                return Err(Error::unavailable(format_args!("sequence {} of {subject} is still there", message.sequence)));
            }
            self.delete(message.sequence).await?;
            previous = Some(message.sequence);
        }
        Ok(())
    }

    /// Brings the key of `old` under the current master key and deletes `old`; tells whether there was anything to do.
    async fn rewrap(&self, old: &StreamMessage) -> Result<bool, Error> {
        let subject = old.subject.as_str();
        let unreadable = |sequence, reason| Missing::Sense { sequence, reason }.error_on(subject);
        if self.wrapping.is_current(&old.payload).map_err(|reason| unreadable(old.sequence, reason))? {
            return Ok(false);
        }
        let key = self.wrapping.unwrap(subject, &old.payload).map_err(|reason| unreadable(old.sequence, reason))?;
        // Expecting the old one to be the last and still there: a key that is destroyed meanwhile does not come back.
        if let Err(failure) = self.append(subject, old.sequence, &key).await {
            let newest = match self.stream.raw_message_builder().last_by_subject(subject).send().await.map_err(Missing::from) {
                Ok(message) => message,
                Err(Missing::Key) => return Ok(false),
                Err(missing) => return Err(missing.error_on(subject)),
            };
            let same =
                self.wrapping.unwrap(subject, &newest.payload).map_err(|reason| unreadable(newest.sequence, reason))? == key;
            // Either an earlier try got this far, or another process did the same; else the old form is all there is.
            if newest.sequence == old.sequence || !same {
                return Err(failure);
            }
        }
        self.delete(old.sequence).await?;
        Ok(true)
    }

    async fn append(&self, subject: &str, expected: u64, key: &[u8; 32]) -> Result<u64, Error> {
        let publish =
            PublishMessage::build().expected_last_subject_sequence(expected).payload(self.wrapping.wrap(subject, key).into());
        let acknowledgement = self.context.send_publish(subject.to_owned(), publish).await.map_err(Error::unavailable)?;
        Ok(acknowledgement.await.map_err(Error::unavailable)?.sequence)
    }

    /// Finds the first message on `subject` from `sequence` on, as the leader has it.
    async fn first(&self, subject: &str, sequence: u64) -> Result<Option<StreamMessage>, Error> {
        match self.stream.raw_message_builder().sequence(sequence).next_by_subject(subject).send().await.map_err(Missing::from) {
            Ok(message) => Ok(Some(message)),
            Err(Missing::Key) => Ok(None),
            Err(missing) => Err(missing.error_on(subject)),
        }
    }

    /// Deletes a message; the server overwrites its bytes, as the request does not say `no_erase`. One that is gone is no error.
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

/// Lets go of keys that are no longer fresh, also where nobody asks for any; ends with the last of the `Keys`.
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
            Self::Sense { sequence, reason } => {
                Error::Corrupt { subject: subject.to_owned(), sequence: *sequence, reason: reason.to_string() }
            }
        }
    }
}
