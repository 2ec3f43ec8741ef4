//! How many bytes of its limit a shard's stream uses: set from the leader's answer, counted up by this process's appends in
//! between.

use std::sync::atomic::{AtomicU64, Ordering};

/// The share of the byte limit above which only endings and erasures are stored, in tenths.
const RESERVED_FROM_TENTHS: u64 = 9;

/// The share from which on a limit that may grow does, in tenths: long before anybody is refused.
const GROWS_FROM_TENTHS: u64 = 7;

/// One shard's bytes against its limit.
#[derive(Debug)]
pub(crate) struct Capacity {
    bytes: AtomicU64,
    limit: AtomicU64,
}

impl Capacity {
    pub(crate) fn new(bytes: u64, limit: u64) -> Self {
        Self { bytes: AtomicU64::new(bytes), limit: AtomicU64::new(limit) }
    }

    /// Tells whether `more` bytes would use space that is reserved for endings and erasures.
    pub(crate) fn reaches_reserve(&self, more: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        self.bytes.load(Ordering::Relaxed).saturating_add(more) > limit / 10 * RESERVED_FROM_TENTHS
    }

    /// Adds the size of a commit that was just stored.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Tells whether so much is used that a limit which can grow should.
    pub(crate) fn wants_more(&self) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        self.bytes.load(Ordering::Relaxed) > limit / 10 * GROWS_FROM_TENTHS
    }

    /// Returns the limit.
    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// Takes what the stream's leader says.
    pub(crate) fn set(&self, bytes: u64, limit: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
    }
}
