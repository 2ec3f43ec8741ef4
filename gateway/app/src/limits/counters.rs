//! One limit's counting, in bounded memory: whoever comes from ever new addresses makes it forget rare ones, and never grow.

use std::fmt::Debug;
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed, StateStore};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

use super::rate::Rate;

/// How many of its kind one limit counts apart (some 200 bytes each). When there are more, those seen least are forgotten (`TinyLFU`), so
/// that a flood of addresses that come once forgives nobody who comes often.
pub(super) const TRACKED: u64 = 16_384;

/// What is counted apart.
pub(super) trait Key: Copy + Eq + Hash + Debug + Send + Sync + 'static {}

impl<T: Copy + Eq + Hash + Debug + Send + Sync + 'static> Key for T {}

type Limiter<K> = RateLimiter<K, Bounded<K>, DefaultClock, StateInformationMiddleware>;

/// The counting of one limit, of its addresses and of their networks.
#[derive(Debug)]
pub(super) struct Counters<K: Key> {
    own: Counter<K>,
    networks: Counter<K>,
}

#[derive(Debug)]
struct Counter<K: Key> {
    limiter: Limiter<K>,
    states: Cache<K, Arc<InMemoryState>>,
    rate: Rate,
}

/// How a limit stands after it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The most there can be at once.
    pub(crate) quota: u32,
    /// How long it takes to regain all of it.
    pub(crate) window: Duration,
    /// What is left.
    pub(crate) remaining: u32,
    /// Until all is regained, or, where nothing is left, until the next is welcome.
    pub(crate) until: Duration,
}

/// Too many; how it stands.
#[derive(Debug)]
pub(super) struct TooMany(pub(super) Standing);

impl<K: Key> Counters<K> {
    pub(super) fn new(rate: Rate, network_times: NonZeroU32) -> Self {
        let of_network =
            Rate { burst: rate.burst.saturating_mul(network_times), per_minute: rate.per_minute.saturating_mul(network_times) };
        Self { own: Counter::new(rate), networks: Counter::new(of_network) }
    }

    /// Counts so many more; first of the network, where there is one, so that a network that has too many adds no addresses.
    pub(super) fn check(&self, key: K, network: Option<K>, many: NonZeroU32) -> Result<Standing, TooMany> {
        if let Some(network) = network {
            self.networks.check(network, many)?;
        }
        self.own.check(key, many)
    }

    /// Counts who is tracked.
    pub(super) fn tracked(&self) -> u64 {
        let count = |counter: &Counter<K>| {
            counter.states.run_pending_tasks();
            counter.states.entry_count()
        };
        count(&self.own) + count(&self.networks)
    }
}

impl<K: Key> Counter<K> {
    fn new(rate: Rate) -> Self {
        let quota = Quota::with_period(period(rate)).expect("a period is longer than nothing").allow_burst(rate.burst);
        // Who has regained all is as good as unknown.
        let states = Cache::builder().max_capacity(TRACKED).time_to_idle(window(rate).max(Duration::from_secs(1))).build();
        let limiter = RateLimiter::new(quota, Bounded(states.clone()), DefaultClock::default());
        Self { limiter, states, rate }
    }

    fn check(&self, key: K, many: NonZeroU32) -> Result<Standing, TooMany> {
        // What is larger than all there can be takes all.
        let many = many.min(self.rate.burst);
        let quota = self.rate.burst.get();
        let standing = |remaining, until| Standing { quota, window: window(self.rate), remaining, until };
        match self.limiter.check_key_n(&key, many).expect("no more is asked for than there can be") {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity().min(quota);
                Ok(standing(remaining, period(self.rate) * (quota - remaining)))
            }
            Err(early) => Err(TooMany(standing(0, early.wait_time_from(self.limiter.clock().now())))),
        }
    }
}

/// Returns after how long one more is regained.
fn period(rate: Rate) -> Duration {
    (Duration::from_mins(1) / rate.per_minute.get()).max(Duration::from_nanos(1))
}

/// Returns after how long all is regained.
fn window(rate: Rate) -> Duration {
    period(rate) * rate.burst.get()
}

/// Keeps at most [`TRACKED`] states, and none that says nothing.
#[derive(Debug)]
struct Bounded<K: Key>(Cache<K, Arc<InMemoryState>>);

impl<K: Key> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        self.0.get_with(*key, Arc::default).measure_and_replace(&NotKeyed::NonKey, measure)
    }
}
