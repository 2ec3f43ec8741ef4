//! Keeps all shards' rows up with the log for as long as the process runs.

use std::time::Duration;

use nats::{Backbone, Shard};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Error;
use crate::shard::{Enough, ShardProjection};

/// The first and the longest pause after what may pass by itself.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pause of a shard that has stopped: a rebuild, from any process, sets it going again.
const STOPPED_PAUSE: Duration = Duration::from_secs(2);
/// How often the log's end is asked for, to tell how far behind the rows are.
const LAG_EVERY: Duration = Duration::from_secs(5);

/// How a shard's projection stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The shard.
    pub shard: Shard,
    /// The last commit taken in, as far as this process knows; none before it has looked.
    pub sequence: Option<u64>,
    /// Why it has stopped, where someone has to look.
    pub stopped: Option<String>,
}

/// The running projections of all shards.
#[derive(Debug)]
pub struct Projector {
    tasks: TaskTracker,
    standings: Vec<watch::Receiver<Standing>>,
}

impl Projector {
    /// Starts a task for every shard; they end with `shutdown`, between two batches or in one that is then as if it had never begun.
    pub fn start(backbone: &Backbone, pool: &PgPool, shutdown: &CancellationToken) -> Self {
        let tasks = TaskTracker::new();
        let standings = backbone
            .shards()
            .map(|shard| {
                let projection = ShardProjection { backbone: backbone.clone(), pool: pool.clone(), shard };
                let (told, standing) = watch::channel(Standing { shard, sequence: None, stopped: None });
                let watched = shutdown.clone().run_until_cancelled_owned(watch_lag(projection.clone(), standing.clone()));
                tasks.spawn(shutdown.clone().run_until_cancelled_owned(follow(projection, told)));
                tasks.spawn(watched);
                standing
            })
            .collect();
        tasks.close();
        Self { tasks, standings }
    }

    /// Tells how every shard stands.
    pub fn standings(&self) -> Vec<Standing> {
        self.standings.iter().map(|standing| standing.borrow().clone()).collect()
    }

    /// Waits until a shard's rows have taken in `sequence`, or its projection has stopped.
    pub async fn reached(&self, shard: Shard, sequence: u64) -> Standing {
        let mut standing = self.standings.get(usize::from(shard.0)).expect("a shard comes from this log").clone();
        loop {
            let now = standing.borrow_and_update().clone();
            // After the shutdown nothing changes any more.
            if now.sequence >= Some(sequence) || now.stopped.is_some() || standing.changed().await.is_err() {
                return now;
            }
        }
    }

    /// Waits until every task has ended, after the shutdown.
    pub async fn finished(&self) {
        self.tasks.wait().await;
    }
}

/// Follows a shard over everything that may pass.
async fn follow(projection: ShardProjection, told: watch::Sender<Standing>) {
    let shard = projection.shard;
    let position = metrics::gauge!("projector_position", "shard" => shard.to_string());
    let mut pause = PAUSE;
    loop {
        let followed = projection.follow(|checkpoint| {
            pause = PAUSE;
            position.set(gauge(checkpoint.sequence));
            told.send_modify(|standing| {
                standing.sequence = Some(checkpoint.sequence);
                standing.stopped = None;
            });
            Enough::No
        });
        let Err(error) = followed.await else { return };
        pause = if error.is_passing() { (pause * 2).min(LONGEST_PAUSE) } else { STOPPED_PAUSE };
        note(&told, &error);
        sleep(pause).await;
    }
}

/// Says once what is wrong, however often it is tried again.
fn note(told: &watch::Sender<Standing>, error: &Error) {
    let reason = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    if error.is_passing() {
        tracing::warn!(shard = %told.borrow().shard, reason, "the projection tries again");
    } else if told.borrow().stopped.as_ref() != Some(&reason) {
        tracing::error!(shard = %told.borrow().shard, reason, "the projection has stopped");
        told.send_modify(|standing| standing.stopped = Some(reason));
    }
}

/// Measures how many commits the rows are behind the log.
async fn watch_lag(projection: ShardProjection, standing: watch::Receiver<Standing>) {
    let lag = metrics::gauge!("projector_lag", "shard" => projection.shard.to_string());
    let mut tick = tokio::time::interval(LAG_EVERY);
    loop {
        tick.tick().await;
        // Before that the gauge says nothing, rather than something wrong.
        let Some(taken_in) = standing.borrow().sequence else { continue };
        match projection.end().await {
            Ok(end) => lag.set(gauge(end.saturating_sub(taken_in))),
            Err(error) => tracing::debug!(%error, "the lag is unknown"),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is read by its magnitude; 2^53 commits are far away")]
const fn gauge(number: u64) -> f64 {
    number as f64
}
