//! How full the shards are: asked of the leaders every few seconds, counted up by our own appends in between.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::try_join_all;

use crate::backbone::Inner;
use crate::{Error, streams};

/// The share of the byte limit above which only endings and erasures are stored, in tenths.
const RESERVED_FROM_TENTHS: u64 = 9;
const INTERVAL: Duration = Duration::from_secs(2);

/// One shard's bytes against its limit.
#[derive(Debug)]
pub(crate) struct Fullness {
    bytes: AtomicU64,
    limit: AtomicU64,
}

impl Fullness {
    pub(crate) fn new(bytes: u64, limit: u64) -> Self {
        Self { bytes: AtomicU64::new(bytes), limit: AtomicU64::new(limit) }
    }

    /// Tells whether `more` bytes would eat into what is kept for endings.
    pub(crate) fn reaches_reserve(&self, more: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        self.bytes.load(Ordering::Relaxed).saturating_add(more) > limit / 10 * RESERVED_FROM_TENTHS
    }

    /// Counts what was just stored.
    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn set(&self, bytes: u64, limit: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
        self.limit.store(limit, Ordering::Relaxed);
    }
}

/// Asks every leader, and returns the greatest share.
pub(crate) async fn refresh(inner: &Inner) -> Result<f64, Error> {
    let found = try_join_all(inner.shards.iter().map(|state| streams::find(&inner.jetstream, state.shard))).await?;
    let mut greatest = 0.0_f64;
    let mut replaced = None;
    for (state, found) in inner.shards.iter().zip(found) {
        if found.epoch != state.epoch {
            state.is_replaced.store(true, Ordering::Relaxed);
            replaced = Some(state.shard);
        }
        state.fullness.set(found.bytes, found.max_bytes);
        #[allow(clippy::cast_precision_loss)] // a share needs no 53 bits
        let share = found.bytes as f64 / found.max_bytes.max(1) as f64;
        greatest = greatest.max(share);
    }
    replaced.map_or(Ok(greatest), |shard| Err(Error::OtherEpoch { shard }))
}

/// Starts asking every few seconds, for as long as the backbone is in use.
pub(crate) fn start(inner: &Arc<Inner>) {
    let inner: Weak<Inner> = Arc::downgrade(inner);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(inner) = inner.upgrade() else { return };
            if let Err(error) = refresh(&inner).await {
                tracing::warn!(%error, "the fullness of the log is not known right now");
            }
        }
    });
}
