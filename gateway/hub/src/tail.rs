//! One reading of a shard: from where its log ended when the first listener came until nobody has listened for a while.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use nats::{Error, FeedError, Message, Reading};
use tokio::time::{interval, sleep};

use super::entry::Entry;
use super::listener::Closed;
use super::shard::ShardHub;
use super::state::TailId;

/// How many commits are dispatched at once.
const BATCH: usize = 256;
/// How long to wait before a log that cannot be read is tried again: at first, and at most.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(100)).with_max_delay(LONGEST_PAUSE).without_max_times();
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The reading; dropping it, however that comes about, ends all subscriptions of the shard.
struct Tail {
    hub: Arc<ShardHub>,
    id: TailId,
    /// Lets others know which aggregates have changed.
    reading: Reading,
}

/// Reads and dispatches what comes after `end`, unless someone else does already.
pub(super) fn start(hub: &Arc<ShardHub>, end: u64) {
    let Some(id) = hub.state.lock().begin(end) else { return };
    let tail = Tail { hub: Arc::clone(hub), id, reading: hub.backbone.begin_reading(hub.shard, end) };
    hub.tasks.spawn(async move { tail.end(tail.run(end).await) });
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.end(Closed::Resume);
    }
}

impl Tail {
    fn end(&self, why: Closed) {
        self.hub.state.lock().end(self.id, why);
    }

    /// Runs until told to stop; neither part is ever begun anew because the other had something to do.
    async fn run(&self, end: u64) -> Closed {
        tokio::select! {
            biased;
            () = self.hub.stop.cancelled() => Closed::Resume,
            why = self.follow(end) => why,
            () = self.deserted() => Closed::Resume,
        }
    }

    /// Dispatches commit after commit until the log is another one, or one of its commits is broken.
    async fn follow(&self, end: u64) -> Closed {
        let mut feed = self.hub.backbone.tail(self.hub.shard, end);
        let mut pauses = PAUSES.build();
        loop {
            let error = match feed.next(BATCH).await {
                Ok(batch) => {
                    pauses = PAUSES.build();
                    self.dispatch(batch).await;
                    continue;
                }
                Err(error @ (FeedError::OtherEpoch(_) | FeedError::AheadOfLog { .. })) => {
                    tracing::error!(%error, "the hub's listeners must begin anew");
                    return Closed::Reset;
                }
                Err(FeedError::Broken(error @ Error::Corrupt { .. })) => match feed.pass_over().await {
                    Ok(Some(unknown)) => {
                        tracing::warn!(%error, types = unknown.types, "a newer program's commit is passed over");
                        self.reading.pass(unknown.address, unknown.sequence);
                        self.hub.state.lock().pass_over(self.id, &unknown);
                        continue;
                    }
                    Ok(None) => {
                        // Listeners that were cut off read it from the log; the others go on after it.
                        tracing::error!(%error, "the hub begins anew behind a broken commit");
                        return Closed::Resume;
                    }
                    Err(error) => error,
                },
                Err(error) => error,
            };
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            tracing::warn!(shard = %self.hub.shard, %error, ?pause, "the hub cannot read on for the moment");
            sleep(pause).await;
        }
    }

    async fn dispatch(&self, batch: Vec<Message>) {
        let mut entries = Vec::with_capacity(batch.len());
        for message in batch {
            match message {
                Message::Commit(recorded) => {
                    let entry = Arc::new(Entry::new(recorded));
                    if entry.fate().is_some() {
                        self.hub.backbone.keys().forget(entry.address()).await;
                    }
                    self.reading.pass(entry.address(), entry.sequence());
                    entries.push(entry);
                }
                // It names what was erased long ago: no listener is told.
                Message::Pruning(record) => self.reading.pass_record(record.sequence),
            }
        }
        self.hub.state.lock().dispatch(self.id, entries);
    }

    /// Waits until nobody has listened for a while; then the reading is over already.
    async fn deserted(&self) {
        let mut look = interval((self.hub.bounds.lingers / 4).max(Duration::from_millis(1)));
        loop {
            look.tick().await;
            if self.hub.state.lock().end_deserted(self.id) {
                return;
            }
        }
    }
}
