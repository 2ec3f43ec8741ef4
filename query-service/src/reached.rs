//! How far the rows of each shard have come, as this process saw it last: of all who wait for more, one looks for them all.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use nats::{Backbone, Shard};
use sqlx::PgPool;
use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::columns::sequence;
use crate::{Error, role};

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);
/// The pauses between them.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(2)).with_max_delay(LONGEST_PAUSE).without_max_times();

/// The last commit that the rows of each shard were seen to include.
#[derive(Debug)]
pub(crate) struct Reached {
    shards: BTreeMap<u16, watch::Sender<u64>>,
    /// Held while the rows are read.
    turn: Mutex<()>,
}

impl Reached {
    pub(crate) fn new(backbone: &Backbone) -> Self {
        let shards = backbone.shards().map(|shard| (shard.0, watch::Sender::new(0))).collect();
        Self { shards, turn: Mutex::new(()) }
    }

    /// Notes how far a shard's rows are; a rebuild takes them back.
    pub(crate) fn note(&self, shard: Shard, reached: u64) {
        if let Some(known) = self.shards.get(&shard.0) {
            known.send_if_modified(|known| std::mem::replace(known, reached) != reached);
        }
    }

    /// Waits until a shard's rows were seen to include a commit, at most until the deadline. No connection is held meanwhile.
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
                sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
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
        let mut transaction = role::freshness(pool).await?;
        let rows = sqlx::query!("SELECT shard, epoch, sequence FROM checkpoint WHERE projection = 'rows'")
            .fetch_all(&mut *transaction)
            .await?;
        transaction.commit().await?;
        for shard in backbone.shards() {
            let epoch = backbone.epoch(shard).0;
            let found = rows.iter().find(|row| row.shard == i32::from(shard.0) && row.epoch == epoch);
            self.note(shard, found.map_or(0, |row| sequence(row.sequence)));
        }
        Ok(())
    }
}
