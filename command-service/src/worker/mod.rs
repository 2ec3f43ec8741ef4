//! Sends scheduled commands that are due, and collects keys that nothing began with. The projector writes when a command is due;
//! the decision still checks whether.

mod duty;
pub(crate) mod scheduled;
mod unused_keys;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use futures_util::StreamExt;
use nats::Shard;
use sqlx::PgPool;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::Commands;
use scheduled::{CLAIMED_AT_ONCE, Due, Scheduled};
pub use unused_keys::KeyCollector;

/// How often the worker polls for due commands.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// How many commands are carried out at once.
const CARRIED_OUT_AT_ONCE: usize = 16;

/// Why a poll failed; the next one tries again.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("the scheduled commands cannot be read: {0}")]
    Postgres(#[from] sqlx::Error),
    #[error("the log's end cannot be read: {0}")]
    Log(#[from] nats::Error),
}

/// Does the worker's duties until told to stop; commands in progress are finished first.
pub async fn run(commands: Commands, pool: PgPool, stop: CancellationToken) {
    tokio::join!(carry_out_due(commands.clone(), pool, stop.clone()), unused_keys::run(commands, stop));
}

/// Carries out due commands.
async fn carry_out_due(commands: Commands, pool: PgPool, stop: CancellationToken) {
    let mut worker = Worker { commands, scheduled: Scheduled::new(pool), ends: HashMap::new(), stop };
    let mut ticks = tokio::time::interval(POLL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_broken = false;
    while worker.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let polled = worker.poll().await;
        if let Err(error) = &polled
            && !is_broken
        {
            // Logged once, not at every poll.
            tracing::warn!(%error, "the worker waits");
        }
        is_broken = polled.is_err();
    }
}

struct Worker {
    commands: Commands,
    scheduled: Scheduled,
    /// The end of each shard when this worker started: until the projection has reached it, rows may be outdated.
    ends: HashMap<Shard, u64>,
    stop: CancellationToken,
}

impl Worker {
    /// Carries out all commands that are due now.
    async fn poll(&mut self) -> Result<(), Error> {
        let backbone = &self.commands.inner.backbone;
        for shard in backbone.shards() {
            if let Entry::Vacant(unknown) = self.ends.entry(shard) {
                unknown.insert(backbone.end(shard).await?);
            }
        }
        while !self.stop.is_cancelled() {
            let claimed = self.scheduled.claim(backbone, &self.ends).await?;
            let is_last = claimed.len() < CLAIMED_AT_ONCE;
            let mut settled =
                futures_util::stream::iter(claimed).map(|due| self.carry_out(due)).buffer_unordered(CARRIED_OUT_AT_ONCE);
            let mut failure = None;
            while let Some(settled) = settled.next().await {
                failure = settled.err().or(failure);
            }
            if let Some(error) = failure {
                return Err(error.into());
            }
            if is_last {
                break;
            }
        }
        Ok(())
    }

    async fn carry_out(&self, due: Due) -> Result<(), sqlx::Error> {
        let verdict = self.commands.send(&due).await;
        metrics::counter!("tempchat_scheduled_commands_total", "purpose" => due.purpose.clone(), "verdict" => verdict.name())
            .increment(1);
        self.scheduled.settle(&due, verdict).await
    }
}
