//! Warm state: what the log holds of an aggregate, folded and kept, within one budget of memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use domain::{Address, Aggregate, Remembered, Root};
use moka::future::Cache;
use nats::{Head, Store};
use tokio::sync::{Mutex, MutexGuard};

/// What one remembered command weighs in the cache, in bytes.
const WEIGHT_OF_A_COMMAND: u32 = 128;
/// What an aggregate weighs before its first command, in bytes.
const WEIGHT_OF_AN_AGGREGATE: u32 = 1_024;
/// How long a confirmation of warm state holds against a refusal.
const CONFIRMED_FOR: Duration = Duration::from_secs(1);

/// The warm states of one kind of aggregate.
#[derive(Debug)]
pub(crate) struct Warmth<A: Aggregate> {
    store: Store,
    slots: Cache<Address, Arc<Slot<A>>>,
}

/// One aggregate's place; its lock makes writers of one process queue here instead of colliding in the log.
#[derive(Debug)]
pub(crate) struct Slot<A: Aggregate> {
    state: Mutex<Warm<A>>,
    weight: AtomicU32,
}

/// What is known of an aggregate, and how far into the log that reaches.
#[derive(Debug)]
pub(crate) struct Warm<A: Aggregate> {
    pub(crate) root: Root<A>,
    pub(crate) head: Head,
    confirmed: Option<Instant>,
}

impl<A: Aggregate> Warmth<A> {
    /// Makes a cache of at most `bytes`.
    pub(crate) fn new(store: Store, bytes: u64) -> Self {
        let slots = Cache::builder()
            .weigher(|_: &Address, slot: &Arc<Slot<A>>| slot.weight.load(Ordering::Relaxed))
            .max_capacity(bytes)
            .build();
        Self { store, slots }
    }

    /// Finds an aggregate's place, or makes it.
    pub(crate) async fn slot(&self, address: Address) -> Arc<Slot<A>> {
        self.slots.get_with(address, async { Arc::new(Slot::cold()) }).await
    }

    /// Locks a place, and reads the log into it where that was never done.
    pub(crate) async fn lock<'a>(&self, slot: &'a Slot<A>, address: Address) -> Result<MutexGuard<'a, Warm<A>>, nats::Error> {
        let mut warm = slot.state.lock().await;
        if warm.confirmed.is_none() {
            self.catch_up(&mut warm, address).await?;
        }
        Ok(warm)
    }

    /// Reads what the log has beyond the warm state.
    pub(crate) async fn catch_up(&self, warm: &mut Warm<A>, address: Address) -> Result<(), nats::Error> {
        for stored in self.store.load::<A>(address, &warm.head).await? {
            let commit = stored.commit;
            let answer = Remembered {
                sequence: stored.head.sequence,
                events: count(&commit.events),
                at: commit.at,
                fingerprint: commit.fingerprint,
            };
            warm.root.fold(commit.id, answer, &commit.events);
            warm.head = stored.head;
        }
        warm.confirmed = Some(Instant::now());
        Ok(())
    }

    /// Makes sure that the warm state was the log's no longer than `age` ago; tells whether it changed.
    pub(crate) async fn confirm(&self, warm: &mut Warm<A>, address: Address, age: Duration) -> Result<bool, nats::Error> {
        if warm.confirmed.is_some_and(|at| at.elapsed() < age) {
            return Ok(false);
        }
        let last = self.store.last(address).await?.map_or(0, |last| last.head.sequence);
        if last == warm.head.sequence {
            warm.confirmed = Some(Instant::now());
            return Ok(false);
        }
        self.catch_up(warm, address).await?;
        Ok(true)
    }

    /// As [`Self::confirm`], before a refusal that fresher state could overturn.
    pub(crate) async fn confirm_refusal(&self, warm: &mut Warm<A>, address: Address) -> Result<bool, nats::Error> {
        self.confirm(warm, address, CONFIRMED_FOR).await
    }

    /// Weighs a place again where it has grown much.
    pub(crate) async fn weigh(&self, slot: &Arc<Slot<A>>, address: Address, commands: usize) {
        let weight = WEIGHT_OF_AN_AGGREGATE.saturating_add(u32::try_from(commands).unwrap_or(u32::MAX).saturating_mul(WEIGHT_OF_A_COMMAND));
        if weight >= slot.weight.load(Ordering::Relaxed).saturating_mul(2) {
            slot.weight.store(weight, Ordering::Relaxed);
            self.slots.insert(address, Arc::clone(slot)).await;
        }
    }
}

impl<A: Aggregate> Slot<A> {
    fn cold() -> Self {
        let warm = Warm { root: Root::default(), head: Head::default(), confirmed: None };
        Self { state: Mutex::new(warm), weight: AtomicU32::new(WEIGHT_OF_AN_AGGREGATE) }
    }
}

/// Counts a commit's events.
pub(crate) fn count<E>(events: &[E]) -> u16 {
    u16::try_from(events.len()).expect("a commit has few events")
}
