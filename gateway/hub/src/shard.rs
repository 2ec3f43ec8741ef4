//! One shard's part of the hub: its state, and what its readers share.

use std::sync::Arc;

use nats::{Backbone, Shard};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bounds::Bounds;
use super::state::State;

#[derive(Debug)]
pub(super) struct ShardHub {
    pub(super) backbone: Backbone,
    pub(super) shard: Shard,
    pub(super) bounds: Bounds,
    pub(super) state: Mutex<State>,
    /// Bounds how many listeners read missed commits at the same time.
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
}
