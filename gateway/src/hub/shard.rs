//! One shard's part of the hub: who listens, from where, and that someone reads.

use std::sync::Arc;

use nats::{Backbone, Position, Shard};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bounds::Bounds;
use super::listener::{Closed, Listener, Role};
use super::state::State;
use super::subscription::{Missed, Subscription};
use super::{HubError, Topic, tail};

#[derive(Debug)]
pub(super) struct ShardHub {
    pub(super) backbone: Backbone,
    pub(super) shard: Shard,
    pub(super) bounds: Bounds,
    pub(super) state: Mutex<State>,
    /// Who reads what was missed, not too many at a time.
    pub(super) scans: Semaphore,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl ShardHub {
    pub(super) fn new(
        backbone: Backbone,
        shard: Shard,
        bounds: Bounds,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (state, scans) = (Mutex::new(State::new(bounds)), Semaphore::new(bounds.scans));
        Arc::new(Self { backbone, shard, bounds, state, scans, tasks, stop })
    }

    /// Registers a listener; from then on nothing that matters to it is missed.
    pub(super) async fn subscribe(
        hub: &Arc<Self>,
        topic: Topic,
        role: Role,
        after: Option<Position>,
    ) -> Result<Subscription, HubError> {
        let listener = Arc::new(Listener::new(role));
        let registered = loop {
            if hub.stop.is_cancelled() {
                return Err(HubError::Stopping);
            }
            let registered = hub.state.lock().register(topic, &listener, after);
            if let Some(registered) = registered {
                break registered;
            }
            let end = hub.backbone.end(hub.shard).await?;
            tail::start(hub, end);
        };
        let horizon = registered.horizon;
        // From here on dropping the subscription is what leaves.
        let subscription = |at, missed| Subscription::new(Arc::clone(hub), topic, Arc::clone(&listener), at, missed);
        let Some(after) = after else {
            return Ok(subscription(Position { shard: hub.shard, sequence: horizon, index: u16::MAX }, None));
        };
        let must_read = !registered.has_missed && after.sequence <= horizon;
        // The commit of the cursor itself may hold later events.
        let missed = must_read.then(|| Missed { after: after.sequence.saturating_sub(1), upto: horizon });
        let mut subscription = subscription(after, missed);
        let is_ahead = after.sequence > horizon && after.sequence > hub.backbone.end(hub.shard).await?;
        if is_ahead || after.shard != hub.shard {
            subscription.end(Closed::Reset);
        }
        Ok(subscription)
    }
}
