//! How far the rows of each shard have come, as far as this process knows. A projector of the same process says so as soon as it has
//! committed; beside another process's, one of all who wait looks for them all.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use nats::{Backbone, Shard};
use sqlx::PgPool;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::columns::sequence;
use crate::{Error, role};

/// The pause between two looks where a projector of this process says how far the rows are: it may have stopped, and others go on.
const TOLD_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);
/// The pauses between them: what was waited for is found after half as long again, at most.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(2))
    .with_factor(1.5)
    .with_max_delay(LONGEST_PAUSE)
    .without_max_times();

/// The last commit that the rows of each shard are known to include.
#[derive(Debug)]
pub(crate) struct Reached {
    shards: BTreeMap<u16, watch::Sender<u64>>,
    /// Whether a projector of this process says how far they are.
    is_told: AtomicBool,
    /// Held while the rows are read.
    turn: Mutex<()>,
}

impl Reached {
    pub(crate) fn new(shards: impl IntoIterator<Item = Shard>) -> Self {
        let shards = shards.into_iter().map(|shard| (shard.0, watch::Sender::new(0))).collect();
        Self { shards, is_told: AtomicBool::new(false), turn: Mutex::new(()) }
    }

    /// Takes in what the projector of this process says; a rebuild takes rows back.
    pub(crate) fn tell(&self, shard: Shard, reached: u64) {
        self.is_told.store(true, Ordering::Relaxed);
        if let Some(known) = self.shards.get(&shard.0) {
            known.send_if_modified(|known| std::mem::replace(known, reached) != reached);
        }
    }

    /// Returns how far a shard's rows are known to be.
    pub(crate) fn known(&self, shard: Shard) -> u64 {
        self.shards.get(&shard.0).map_or(0, |known| *known.borrow())
    }

    /// Takes in how far rows were seen that were read after `before` was known. What was learnt since then is newer, and stays.
    pub(crate) fn see(&self, shard: Shard, before: u64, reached: u64) {
        if let Some(known) = self.shards.get(&shard.0) {
            known.send_if_modified(|known| *known == before && std::mem::replace(known, reached) != reached);
        }
    }

    /// Tells whether rows that are not known to include a commit are better waited for than read.
    pub(crate) fn is_worth_waiting(&self, shard: Shard, at_least: u64) -> bool {
        self.is_told.load(Ordering::Relaxed) && self.known(shard) < at_least
    }

    /// Waits until a shard's rows are known to include a commit, at most until the deadline. No connection is held meanwhile.
    pub(crate) async fn wait(
        &self,
        pool: &PgPool,
        backbone: &Backbone,
        (shard, at_least): (Shard, u64),
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(known) = self.shards.get(&shard.0) else { return Ok(()) };
        let mut known = known.subscribe();
        let is_there = async { known.wait_for(|reached| *reached >= at_least).await.map(drop) };
        let look = async {
            let _turn = self.turn.lock().await;
            let mut pauses = PAUSES.build();
            loop {
                let is_told = self.is_told.load(Ordering::Relaxed);
                sleep(if is_told { TOLD_PAUSE } else { pauses.next().unwrap_or(LONGEST_PAUSE) }).await;
                self.look(pool, backbone).await?;
            }
        };
        tokio::select! {
            biased;
            _ = is_there => Ok(()),
            () = sleep_until(deadline) => Ok(()),
            failed = look => failed,
        }
    }

    async fn look(&self, pool: &PgPool, backbone: &Backbone) -> Result<(), Error> {
        let before: Vec<(Shard, u64)> = backbone.shards().map(|shard| (shard, self.known(shard))).collect();
        let mut transaction = role::freshness(pool).await?;
        let rows = sqlx::query!("SELECT shard, epoch, sequence FROM checkpoint WHERE projection = 'rows'")
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        for (shard, before) in before {
            let epoch = backbone.epoch(shard).0;
            let found = rows.iter().find(|row| row.shard == i32::from(shard.0) && row.epoch == epoch);
            self.see(shard, before, found.map_or(0, |row| sequence(row.sequence)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_before_a_commit_does_not_take_it_back() {
        let shard = Shard(0);
        let reached = Reached::new([shard]);
        reached.tell(shard, 9);
        let before = reached.known(shard);
        reached.tell(shard, 10);
        reached.see(shard, before, 9);
        assert_eq!(reached.known(shard), 10);
        assert!(!reached.is_worth_waiting(shard, 10) && reached.is_worth_waiting(shard, 11));
        // Rows that another process makes again.
        reached.see(shard, 10, 0);
        assert_eq!(reached.known(shard), 0);
    }
}
