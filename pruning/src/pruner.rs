//! Prunes all shards, now and again, or once.

use std::collections::HashMap;
use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder};
use follower::{begin, upkeep_lock};
use nats::{Backbone, Shard};
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::candidate::Slowest;
use crate::round::{Pruned, Round, purge_rest};
use crate::{Error, Settings, candidate, clock, session_counts};

/// How often something is looked for.
const INTERVAL: Duration = Duration::from_mins(1);
/// Links looked at in one transaction.
const LINKS: i64 = 200;
/// The pauses while followers come to the last record: half a minute in all.
const PAUSES: ConstantBuilder = ConstantBuilder::new().with_delay(Duration::from_millis(50)).with_max_times(600);

/// Prunes the log of one installation.
#[derive(Debug)]
pub struct Pruner {
    backbone: Backbone,
    pool: PgPool,
    settings: Settings,
    /// The last record of each shard that is known to be carried out whole.
    finished: HashMap<Shard, u64>,
}

/// What waits to be pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// How many links were erased long enough ago.
    pub links: u64,
    /// When the first of them was.
    pub oldest: Option<OffsetDateTime>,
}

impl Pruner {
    /// Makes a pruner; nothing is done yet.
    pub fn new(backbone: &Backbone, pool: &PgPool, settings: Settings) -> Self {
        Self { backbone: backbone.clone(), pool: pool.clone(), settings, finished: HashMap::new() }
    }

    /// Prunes once a minute until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_broken = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let Some(pruned) = stop.run_until_cancelled(self.prune(|_| {})).await else { return };
            match &pruned {
                Ok(pruned) if pruned.commits > 0 => {
                    let Pruned { links, sessions, commits } = *pruned;
                    tracing::info!(links, sessions, commits, "erased links were pruned from the log");
                }
                // Logged once, not at every round.
                Err(error) if !is_broken => tracing::warn!(%error, "nothing can be pruned for the moment"),
                Ok(_) | Err(_) => {}
            }
            is_broken = pruned.is_err();
        }
    }

    /// Prunes all that can be, and returns what that was; `progress` is told after every record.
    pub async fn prune(&mut self, mut progress: impl FnMut(Pruned)) -> Result<Pruned, Error> {
        let mut pruned = Pruned::default();
        for shard in self.backbone.shards().collect::<Vec<_>>() {
            loop {
                let some = self.prune_some(shard).await?;
                if some.commits == 0 {
                    break;
                }
                pruned += some;
                progress(pruned);
            }
        }
        metrics::counter!("tempchat_pruned_commits_total").increment(pruned.commits);
        Ok(pruned)
    }

    /// Tells what waits to be pruned.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let mut transaction = begin(&self.pool).await?;
        let (links, oldest) = candidate::count(&mut transaction, clock::now() - self.settings.after).await?;
        Ok(Backlog { links, oldest })
    }

    /// Prunes some links of a shard, none where another process does.
    async fn prune_some(&mut self, shard: Shard) -> Result<Pruned, Error> {
        // Holds the lock; the rows of what is pruned are deleted by the projector, which follows the record.
        let mut transaction = begin(&self.pool).await?;
        if !upkeep_lock::try_take(&mut transaction, shard).await? {
            return Ok(Pruned::default());
        }
        let last = self.backbone.last_pruning(shard).await?;
        let recorded = last.as_ref().map_or(0, |record| record.sequence);
        if let Some(record) = last
            && self.finished.get(&shard) != Some(&recorded)
        {
            // The process that wrote it may have ended before it was carried out.
            purge_rest(&self.backbone, &record.pruning).await?;
            self.finished.insert(shard, recorded);
        }
        // Until the rows have taken in the last record, they show links that are gone already.
        let reached = self.reached(&mut transaction, shard, recorded).await?;
        let until = clock::now() - self.settings.after;
        let candidates = candidate::find(&mut transaction, shard, until, reached, LINKS).await?;
        if candidates.is_empty() && candidate::is_any_beyond(&mut transaction, shard, until, reached).await? {
            return Err(self.behind(&mut transaction, shard).await?);
        }
        let mut round = Round::new(&self.backbone, &self.settings, shard, recorded);
        let mut pruned = Pruned::default();
        for candidate in &candidates {
            let sessions = session_counts::of_link(&mut transaction, candidate).await?;
            pruned += round.add(candidate, sessions).await?;
        }
        pruned += round.finish().await?;
        // Each record was carried out before the next was written.
        self.finished.insert(shard, round.recorded());
        transaction.rollback().await?;
        Ok(pruned)
    }

    /// Waits until all that follows a shard has come to `sequence`, and returns how far they are; fails where it takes too long.
    async fn reached(&self, connection: &mut PgConnection, shard: Shard, sequence: u64) -> Result<u64, Error> {
        let mut pauses = PAUSES.build();
        loop {
            let slowest = candidate::slowest(connection, shard, self.backbone.epoch(shard)).await?;
            let reached = slowest.map_or(0, |slowest| slowest.reached);
            if reached >= sequence {
                return Ok(reached);
            }
            let Some(pause) = pauses.next() else { return Err(self.behind(connection, shard).await?) };
            tokio::time::sleep(pause).await;
        }
    }

    /// Says what keeps a shard from being pruned.
    async fn behind(&self, connection: &mut PgConnection, shard: Shard) -> Result<Error, Error> {
        let slowest = candidate::slowest(connection, shard, self.backbone.epoch(shard)).await?;
        let Slowest { projection, reached } = slowest.unwrap_or(Slowest { projection: "no rows".to_owned(), reached: 0 });
        Ok(Error::Behind { shard, projection, reached })
    }
}
