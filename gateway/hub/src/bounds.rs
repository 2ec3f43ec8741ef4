//! How much the hub keeps for its listeners, and for how long.

use std::time::Duration;

/// The hub's bounds; tests choose tighter ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Listeners that one process serves at once, on all shards.
    pub(super) listeners: usize,
    /// Chatter's connections to one session; a further one closes the oldest, which most likely is dead.
    pub(super) viewers: usize,
    /// Commits of a shard that are kept for listeners that come back soon.
    pub(super) ring: usize,
    /// Stored bytes of these commits, some of which are kept opened too.
    pub(super) ring_bytes: usize,
    /// Commits that may wait for one listener; a slower one is cut off, and resumes with its cursor.
    pub(super) queue: usize,
    /// Stored bytes of the commits that may wait for one listener.
    pub(super) queue_bytes: usize,
    /// Missed commits that are read from the log at once.
    pub(super) page: usize,
    /// Listeners of a shard that read what they missed at the same time: after a restart all want to.
    pub(super) scans: usize,
    /// How long a shard is read on after the last listener has left.
    pub(super) lingers: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            listeners: 50_000,
            viewers: 16,
            ring: 512,
            ring_bytes: 2 << 20,
            queue: 256,
            queue_bytes: 1 << 20,
            page: 200,
            scans: 16,
            lingers: Duration::from_mins(1),
        }
    }
}
