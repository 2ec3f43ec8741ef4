//! One shard's part of the hub: its state, and what its readers share.

use std::sync::Arc;

use nats::{Backbone, Shard};
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::announcement::GatewayId;
use super::bounds::Bounds;
use super::state::State;

#[derive(Debug)]
pub(super) struct ShardHub {
    pub(super) backbone: Backbone,
    /// This process, as other gateways know it.
    pub(super) gateway: GatewayId,
    pub(super) shard: Shard,
    pub(super) bounds: Bounds,
    pub(super) state: Mutex<State>,
    /// Woken when the chatter of a session has come or gone.
    pub(super) viewers_changed: Arc<Notify>,
    /// Bounds how many listeners read missed commits at the same time.
    pub(super) scans: Semaphore,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

impl ShardHub {
    pub(super) fn new(
        backbone: Backbone,
        gateway: GatewayId,
        shard: Shard,
        bounds: Bounds,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let (state, scans) = (State::new(bounds), Semaphore::new(bounds.scans));
        let viewers_changed = state.viewers.woken();
        Arc::new(Self { backbone, gateway, shard, bounds, state: Mutex::new(state), viewers_changed, scans, tasks, stop })
    }
}
