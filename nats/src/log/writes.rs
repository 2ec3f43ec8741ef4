//! Whether what is written is stored, stream by stream: noted by whoever writes, so that readiness can tell it, and whoever runs the
//! server can mend it.
//!
//! A nats-server whose disk was full answers no further publish to the stream that met it, also once there is room again, until it
//! starts anew.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// A stream that the newest message could not be written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteFailure {
    /// The stream.
    pub stream: String,
    /// What the server said, or that it said nothing.
    pub why: String,
    /// How long ago the first of these failures was.
    pub since: Duration,
    /// How long ago the last one was: nothing has been tried from then on.
    pub untried: Duration,
}

#[derive(Debug)]
struct Failure {
    why: String,
    first: Instant,
    last: Instant,
}

/// What is known of writing to the streams; as many entries as there are streams.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    failures: Mutex<BTreeMap<String, Failure>>,
    /// Whether there is any: success is noted far more often.
    any: AtomicBool,
}

impl Writes {
    /// Notes that a message was not stored.
    pub(crate) fn failed(&self, stream: &str, why: &str) {
        let now = Instant::now();
        let mut failures = self.failures.lock();
        if let Some(failure) = failures.get_mut(stream) {
            failure.last = now;
            why.clone_into(&mut failure.why);
        } else {
            tracing::error!(stream, why, "writing to the log fails");
            failures.insert(stream.to_owned(), Failure { why: why.to_owned(), first: now, last: now });
        }
        self.any.store(true, Ordering::Release);
    }

    /// Notes that a message was stored.
    pub(crate) fn stored(&self, stream: &str) {
        if self.any.load(Ordering::Acquire) {
            let mut failures = self.failures.lock();
            if failures.remove(stream).is_some() {
                tracing::info!(stream, "writing to the log works again");
            }
            self.any.store(!failures.is_empty(), Ordering::Release);
        }
    }

    /// Forgets all failures: another server, or the same one started anew, knows nothing of them.
    pub(crate) fn begin_anew(&self) {
        self.failures.lock().clear();
        self.any.store(false, Ordering::Release);
    }

    /// Returns the failure that has lasted longest.
    pub(crate) fn failure(&self) -> Option<WriteFailure> {
        let failures = self.failures.lock();
        let (stream, failure) = failures.iter().min_by_key(|(_, failure)| failure.first)?;
        Some(WriteFailure {
            stream: stream.clone(),
            why: failure.why.clone(),
            since: failure.first.elapsed(),
            untried: failure.last.elapsed(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failure_stays_until_its_own_stream_is_written_to() {
        let writes = Writes::default();
        assert_eq!(writes.failure(), None);
        writes.failed("EVENTS-1", "no answer");
        tokio::time::advance(Duration::from_secs(3)).await;
        writes.failed("EVENTS-1", "no room");
        writes.stored("EVENTS-0");
        let failure = writes.failure().unwrap();
        assert_eq!((&*failure.stream, &*failure.why), ("EVENTS-1", "no room"));
        assert_eq!((failure.since, failure.untried), (Duration::from_secs(3), Duration::ZERO));
        writes.stored("EVENTS-1");
        assert_eq!(writes.failure(), None);
        writes.failed("KEYS", "no room");
        writes.begin_anew();
        assert_eq!(writes.failure(), None);
    }
}
