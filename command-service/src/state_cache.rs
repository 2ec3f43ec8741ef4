//! Caches the folded states of aggregates within a memory budget; the log stays the truth, and each state knows how far it has
//! read it.
//!
//! Ids that the log does not know can be made up without end, so they have a small cache of their own: they displace each other only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{Address, Aggregate, CommandId, Remembered, Root};
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use nats::{Backbone, Error, Head, Mark, Store};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::cache_weight::{AGGREGATE, CacheWeight};

/// The share of the budget that unknown aggregates may take: one part in so many.
const UNKNOWN: u64 = 16;
/// Where a state may be as old as this, the reader of the shard may tell that it is unchanged; it is a moment behind the leader.
const READER_TELLS_FROM: Duration = Duration::from_millis(500);

/// The cached states of one kind of aggregate.
#[derive(Debug)]
pub(crate) struct StateCache<A: Aggregate> {
    backbone: Backbone,
    store: Store,
    /// The aggregates that the log has commits of, by their weight.
    known: Cache<Address, Entry<A>>,
    /// The others that were asked for, so that a repeat or many callers at once ask the log only once.
    unknown: Cache<Address, Entry<A>>,
}

/// One aggregate's entry in the cache, with its weight when it was last inserted.
#[derive(Debug, Clone)]
struct Entry<A: Aggregate> {
    state: Arc<Mutex<CachedState<A>>>,
    weight: u32,
}

/// An aggregate's folded state, and the commit that it reaches to.
#[derive(Debug)]
pub(crate) struct CachedState<A: Aggregate> {
    pub(crate) root: Root<A>,
    pub(crate) head: Head,
    /// The command that made the head, and its answer.
    pub(crate) newest: Option<(CommandId, Remembered)>,
    /// When the log was known to hold nothing newer; `None` while that is unknown.
    pub(crate) confirmed: Option<Instant>,
    /// Up to where it is known to be complete, by which the reader of its shard confirms it.
    mark: Mark,
    /// The weight with which the cache counts this state.
    counted_weight: u32,
}

/// A locked state: writers within one process wait for each other here instead of conflicting in the log.
pub(crate) type Cached<A> = OwnedMutexGuard<CachedState<A>>;

impl<A: Aggregate + CacheWeight> StateCache<A> {
    /// Makes a cache of at most `bytes`.
    pub(crate) fn new(backbone: Backbone, bytes: u64) -> Self {
        let part = bytes / UNKNOWN;
        let known = Cache::builder()
            .weigher(|_: &Address, entry: &Entry<A>| entry.weight)
            .max_capacity(bytes - part)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        let unknown = Cache::builder()
            .weigher(|_: &Address, _: &Entry<A>| u32::try_from(AGGREGATE).unwrap_or(u32::MAX))
            .max_capacity(part)
            .eviction_policy(EvictionPolicy::lru())
            .build();
        Self { store: backbone.store(), backbone, known, unknown }
    }

    /// Locks an aggregate's state, and reads the log first if the state is unconfirmed.
    pub(crate) async fn lock(&self, address: Address) -> Result<Cached<A>, Error> {
        let entry = match self.known.get(&address).await {
            Some(known) => known,
            None => self.unknown.get_with(address, async { Entry::empty() }).await,
        };
        let mut cached = entry.state.lock_owned().await;
        if cached.confirmed.is_none() {
            self.catch_up(&mut cached, address).await?;
        }
        Ok(cached)
    }

    /// Makes sure that the state matched the log no longer than `age` ago; tells whether it changed. What the shard's reader has
    /// passed counts at once; where it tells enough, the leader is asked once for all states of the shard.
    ///
    /// The lock makes this single-flight: a caller that waited for it uses the confirmation that was made meanwhile.
    pub(crate) async fn confirm(&self, cached: &mut Cached<A>, address: Address, age: Duration) -> Result<bool, Error> {
        let head = cached.head.sequence;
        let is_newest = !self.backbone.has_newer(address, head);
        if is_newest && cached.confirmed.is_some_and(|at| at.elapsed() <= age) {
            return Ok(false);
        }
        if is_newest
            && age >= READER_TELLS_FROM
            && let Some((at, mark)) = self.backbone.confirm(address, head, cached.mark, age).await
        {
            (cached.confirmed, cached.mark) = (Some(at), mark);
            return Ok(false);
        }
        if cached.head == Head::default() {
            // No commits are there, and none were: or they came and were pruned since.
            let before = cached.root.clone();
            cached.clear();
            self.catch_up(cached, address).await?;
            return Ok(cached.root != before);
        }
        let (asked, mark) = (Instant::now(), self.backbone.mark(address));
        let last = self.store.last(address).await?.map(|last| last.head).unwrap_or_default();
        if last == cached.head {
            (cached.confirmed, cached.mark) = (Some(asked), mark);
            return Ok(false);
        }
        if last.sequence <= cached.head.sequence {
            cached.clear();
        }
        self.catch_up(cached, address).await?;
        Ok(true)
    }

    /// Reads what another process appended first.
    pub(crate) async fn reload(&self, cached: &mut Cached<A>, address: Address) -> Result<(), Error> {
        let before = cached.head;
        self.catch_up(cached, address).await?;
        if cached.head == before {
            cached.clear();
            self.catch_up(cached, address).await?;
        }
        Ok(())
    }

    /// Reads what the log has beyond the state; from the beginning if the log does not continue it.
    async fn catch_up(&self, cached: &mut Cached<A>, address: Address) -> Result<(), Error> {
        match self.read_on(cached, address).await {
            Err(Error::ChainBroken { .. }) if cached.head != Head::default() => {
                cached.clear();
                self.read_on(cached, address).await?;
            }
            read => read?,
        }
        self.update_weight(cached, address).await;
        Ok(())
    }

    async fn read_on(&self, cached: &mut CachedState<A>, address: Address) -> Result<(), Error> {
        let (asked, mark) = (Instant::now(), self.backbone.mark(address));
        for stored in self.store.load::<A>(address, &cached.head).await? {
            let commit = stored.commit;
            let answer = Remembered {
                sequence: stored.head.sequence,
                events: A::count_to_asked(&commit.events),
                at: commit.at,
                fingerprint: commit.fingerprint,
            };
            cached.root.fold(commit.id, answer, &commit.events);
            cached.head = stored.head;
            cached.newest = Some((commit.id, answer));
        }
        if cached.head == Head::default() {
            self.read_pruned(cached, address).await?;
        }
        (cached.confirmed, cached.mark) = (Some(asked), mark);
        Ok(())
    }

    /// Makes of an aggregate without commits, where those were pruned, what its last event made of it: its id stays dead.
    async fn read_pruned(&self, cached: &mut CachedState<A>, address: Address) -> Result<(), Error> {
        let pruned = A::pruned();
        if pruned.is_empty() {
            return Ok(());
        }
        if let Some(at) = self.store.pruned_at(address).await? {
            cached.root.at = at;
            for event in &pruned {
                cached.root.state.evolve(event, at);
            }
        }
        Ok(())
    }

    /// Gives the cache a state's new weight where it has changed by more than a quarter; takes in what has become known.
    pub(crate) async fn update_weight(&self, cached: &mut Cached<A>, address: Address) {
        if cached.head == Head::default() {
            return;
        }
        let weight = u32::try_from(cached.root.state.bytes() + cached.root.memory.bytes()).unwrap_or(u32::MAX);
        if weight.abs_diff(cached.counted_weight) > cached.counted_weight / 4 {
            cached.counted_weight = weight;
            let entry = Entry { state: Arc::clone(OwnedMutexGuard::mutex(cached)), weight };
            self.known.insert(address, entry).await;
            self.unknown.invalidate(&address).await;
        }
    }
}

impl<A: Aggregate> Entry<A> {
    fn empty() -> Self {
        let (root, head) = (Root::default(), Head::default());
        let state = CachedState { root, head, newest: None, confirmed: None, mark: Mark::default(), counted_weight: 0 };
        Self { state: Arc::new(Mutex::new(state)), weight: 0 }
    }
}

impl<A: Aggregate> CachedState<A> {
    /// Makes a commit the head that was appended right after the former one; `sent` is when.
    pub(crate) fn follow(&mut self, head: Head, newest: (CommandId, Remembered), sent: Instant) {
        self.head = head;
        self.newest = Some(newest);
        self.confirmed = Some(sent);
        self.mark = self.mark.at(head.sequence);
    }

    /// Drops a state that the log does not continue: the log may have lost its tail in a crash and got other commits since.
    fn clear(&mut self) {
        self.root = Root::default();
        self.head = Head::default();
        self.newest = None;
        self.confirmed = None;
    }
}
