//! Warm state: what the log holds of an aggregate, folded and kept, within one budget of memory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Address, Aggregate, CommandId, Remembered, Root};
use moka::future::Cache;
use nats::{Error, Head, Store};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::weight::Weighed;

/// The warm states of one kind of aggregate.
#[derive(Debug)]
pub(crate) struct Warmth<A: Aggregate> {
    store: Store,
    places: Cache<Address, Place<A>>,
}

/// One aggregate's place in the cache, and what it weighed when it was last put there.
#[derive(Debug, Clone)]
struct Place<A: Aggregate> {
    warm: Arc<Mutex<Warm<A>>>,
    weight: u32,
}

/// What is known of an aggregate, and how far into the log that reaches.
#[derive(Debug)]
pub(crate) struct Warm<A: Aggregate> {
    pub(crate) root: Root<A>,
    pub(crate) head: Head,
    /// The command that made the head, and its answer.
    pub(crate) newest: Option<(CommandId, Remembered)>,
    /// When the log had nothing newer; none while that is not known.
    pub(crate) confirmed: Option<Instant>,
    /// What the cache thinks that this weighs.
    weighed: u32,
}

/// An aggregate that nobody else in this process can look at or change meanwhile: writers queue here instead of colliding in the log.
pub(crate) type Held<A> = OwnedMutexGuard<Warm<A>>;

impl<A: Aggregate + Weighed> Warmth<A> {
    /// Makes a cache of at most `bytes`.
    pub(crate) fn new(store: Store, bytes: u64) -> Self {
        let places = Cache::builder().weigher(|_: &Address, place: &Place<A>| place.weight).max_capacity(bytes).build();
        Self { store, places }
    }

    /// Waits for an aggregate, and reads the log where the state is not known to be the log's.
    pub(crate) async fn hold(&self, address: Address) -> Result<Held<A>, Error> {
        let place = self.places.get_with(address, async { Place::cold() }).await;
        let mut warm = place.warm.lock_owned().await;
        if warm.confirmed.is_none() {
            self.catch_up(&mut warm, address).await?;
        }
        Ok(warm)
    }

    /// Makes sure that the warm state was the log's no longer than `age` ago; tells whether it changed.
    ///
    /// The lock makes this single-flight: whoever waited for it finds the answer to a question asked meanwhile.
    pub(crate) async fn confirm(&self, warm: &mut Held<A>, address: Address, age: Duration) -> Result<bool, Error> {
        if warm.confirmed.is_some_and(|at| at.elapsed() <= age) {
            return Ok(false);
        }
        let asked = Instant::now();
        let last = self.store.last(address).await?.map(|last| last.head).unwrap_or_default();
        if last == warm.head {
            warm.confirmed = Some(asked);
            return Ok(false);
        }
        if last.sequence <= warm.head.sequence {
            warm.forget();
        }
        self.catch_up(warm, address).await?;
        Ok(true)
    }

    /// Reads what another process wrote first.
    pub(crate) async fn lose(&self, warm: &mut Held<A>, address: Address) -> Result<(), Error> {
        let before = warm.head;
        self.catch_up(warm, address).await?;
        if warm.head == before {
            warm.forget();
            self.catch_up(warm, address).await?;
        }
        Ok(())
    }

    /// Reads what the log has beyond the warm state; from the beginning where the log does not continue it.
    async fn catch_up(&self, warm: &mut Held<A>, address: Address) -> Result<(), Error> {
        match self.read_on(warm, address).await {
            Err(Error::ChainBroken { .. }) if warm.head != Head::default() => {
                warm.forget();
                self.read_on(warm, address).await?;
            }
            read => read?,
        }
        self.weigh(warm, address).await;
        Ok(())
    }

    async fn read_on(&self, warm: &mut Warm<A>, address: Address) -> Result<(), Error> {
        let asked = Instant::now();
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
            warm.newest = Some((commit.id, answer));
        }
        warm.confirmed = Some(asked);
        Ok(())
    }

    /// Tells the cache where a state has grown or shrunk much.
    pub(crate) async fn weigh(&self, warm: &mut Held<A>, address: Address) {
        let weight = u32::try_from(warm.root.state.bytes() + warm.root.memory.bytes()).unwrap_or(u32::MAX);
        if weight.abs_diff(warm.weighed) > warm.weighed / 4 {
            warm.weighed = weight;
            let place = Place { warm: Arc::clone(OwnedMutexGuard::mutex(warm)), weight };
            self.places.insert(address, place).await;
        }
    }
}

impl<A: Aggregate> Place<A> {
    fn cold() -> Self {
        let warm = Warm { root: Root::default(), head: Head::default(), newest: None, confirmed: None, weighed: 0 };
        Self { warm: Arc::new(Mutex::new(warm)), weight: 0 }
    }
}

impl<A: Aggregate> Warm<A> {
    /// Drops what the log no longer bears out: it may have lost its tail in a crash, and had other commits since.
    fn forget(&mut self) {
        self.root = Root::default();
        self.head = Head::default();
        self.newest = None;
        self.confirmed = None;
    }
}

/// Counts a commit's events.
pub(crate) fn count<E>(events: &[E]) -> u16 {
    u16::try_from(events.len()).expect("a commit has few events")
}
