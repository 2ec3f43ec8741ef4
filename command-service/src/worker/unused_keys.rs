//! Collects data keys whose link or session never began: a crash or a full log came between the key and the first commit.
//!
//! A key is collected when it has been stored for an hour, and this process has twice, an hour apart, found no commit of its owner
//! at the log's leader. Why that never takes the key of something that begins late is told in `beginning.rs`; the hours are for what
//! no order of steps covers: a process that ends between its two, and an operator who restores one stream after the other. Keys that
//! were made for another log are left alone.
//!
//! Nothing is listed twice: the stream of keys is walked through once, in pages, up to what is an hour old, and further from there.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use domain::Address;
use nats::{Error, Last, StoredKey};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::restore::is_erased;
use crate::{Commands, Refusal};

/// How long a key is left alone after it was stored, and again after it was found unused. No creation takes minutes.
const UNUSED_FOR: Duration = Duration::from_hours(1);
/// How often some pages are looked through.
const ROUND_INTERVAL: Duration = Duration::from_secs(30);
/// How many keys are looked at in one go.
const PAGE: usize = 512;
/// How many pages of a round.
const PAGES: usize = 8;
/// How many unused keys wait for their second look; the walk goes on when some have had it.
const CANDIDATES: usize = 65_536;

/// Collects at intervals until told to stop.
pub(super) async fn run(commands: Commands, stop: CancellationToken) {
    let mut collector = KeyCollector::new(commands, UNUSED_FOR);
    let mut ticks = tokio::time::interval(ROUND_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match stop.run_until_cancelled(collector.round()).await {
            None => return,
            Some(Ok(0)) => {}
            Some(Ok(count)) => tracing::info!(count, "keys were collected that nothing had begun with"),
            Some(Err(error)) => tracing::warn!(%error, "unused keys are looked for again later"),
        }
    }
}

/// Walks through the stored keys and collects the unused ones.
#[derive(Debug)]
pub struct KeyCollector {
    commands: Commands,
    unused_for: Duration,
    /// The sequence up to which the stream of keys was looked through.
    after: u64,
    /// Keys without a commit at the first look, with its time, in order.
    candidates: VecDeque<(StoredKey, Instant)>,
}

impl KeyCollector {
    /// Makes a collector that leaves a key alone for `unused_for` before its first look, and again before its second.
    pub fn new(commands: Commands, unused_for: Duration) -> Self {
        Self { commands, unused_for, after: 0, candidates: VecDeque::new() }
    }

    /// Takes second looks that are due, then looks through some pages; returns how many keys were collected.
    pub async fn round(&mut self) -> Result<u64, Refusal> {
        let backbone = self.commands.inner.backbone.clone();
        for shard in backbone.shards() {
            // A stream of another epoch is another log: that it lacks a commit says nothing.
            backbone.end(shard).await?;
        }
        let mut count = 0;
        while let Some((key, seen)) = self.candidates.front().copied()
            && seen.elapsed() >= self.unused_for
        {
            count += u64::from(self.settle(key).await?);
            self.candidates.pop_front();
        }
        for _ in 0..PAGES {
            if self.candidates.len() + PAGE > CANDIDATES || self.look_through_page().await? {
                break;
            }
        }
        metrics::counter!("tempchat_unused_keys_total").increment(count);
        Ok(count)
    }

    /// Takes a key whose owner still has no commit; tells whether it did.
    async fn settle(&self, key: StoredKey) -> Result<bool, Refusal> {
        let (keys, store) = (self.commands.inner.backbone.keys(), self.commands.inner.backbone.store());
        if store.last(key.owner).await?.is_some() {
            return Ok(false);
        }
        let taken = match keys.take(key.owner, key.sequence).await {
            Ok(Some(taken)) => taken,
            Ok(None) => return Ok(false),
            Err(error @ Error::Corrupt { .. }) => {
                tracing::warn!(%error, "an unused key is left where it is");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        // What has begun in this very moment looks for its key too: see `beginning.rs`.
        if store.last(key.owner).await?.is_some() {
            self.commands.put_back(key.owner, &taken).await?;
            return Ok(false);
        }
        Ok(true)
    }

    /// Looks through the next page; tells whether there is nothing behind it that is old enough.
    async fn look_through_page(&mut self) -> Result<bool, Refusal> {
        let backbone = &self.commands.inner.backbone;
        let page = backbone.keys().page(self.after, PAGE).await?;
        let old: Vec<StoredKey> = page.keys.iter().copied().take_while(|key| key.age >= self.unused_for).collect();
        let owners: Vec<Address> = old.iter().map(|key| key.owner).collect();
        let last: BTreeMap<Address, Last> = backbone.store().last_of(&owners).await?.into_iter().collect();
        // A creation that came too late for its own session's erasure ended before it could destroy the key again.
        let erased: Vec<Address> =
            last.iter().filter(|(owner, last)| is_erased(**owner, last)).map(|(owner, _)| *owner).collect();
        for owner in erased {
            backbone.keys().destroy(owner).await?;
        }
        let unused = old.iter().filter(|key| key.is_of_this_log && !last.contains_key(&key.owner));
        self.candidates.extend(unused.map(|key| (*key, Instant::now())));
        self.after = old.last().map_or(self.after, |key| key.sequence);
        Ok(page.is_last || old.len() < page.keys.len())
    }
}
