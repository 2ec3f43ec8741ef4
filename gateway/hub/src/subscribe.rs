//! How a listener comes in: registered first, then told from where it has to read what it missed.

use std::sync::Arc;

use nats::Position;

use super::error::HubError;
use super::listener::{Closed, Listener, Role};
use super::shard::ShardHub;
use super::subscription::{Missed, Subscription};
use super::tail;
use super::topic::Topic;

/// Registers a listener; from then on nothing that matters to it is missed.
pub(super) async fn subscribe(
    hub: &Arc<ShardHub>,
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
