//! Keeps a projection's rows of all shards up with the log for as long as the process runs.

use std::ops::ControlFlow;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::future::join_all;
use nats::{Backbone, Shard};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::shard::ShardFollower;
use crate::{Projection, Standing, standing};

/// The longest pause after what may pass by itself.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pauses after it.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_delay(LONGEST_PAUSE).without_max_times();
/// The pause of a shard that has stopped: a rebuild, from any process, sets it going again.
const STOPPED_PAUSE: Duration = Duration::from_secs(2);
/// How often the log's end is asked for, to tell how far behind the rows are.
const LAG_EVERY: Duration = Duration::from_secs(5);

/// The running followers of all shards.
#[derive(Debug)]
pub struct Follower {
    tasks: TaskTracker,
    standings: Vec<watch::Receiver<Standing>>,
}

impl Follower {
    /// Starts a task for every shard; they end with `shutdown`, between two batches or in one that is then as if it had never begun.
    pub fn start<P: Projection>(projection: &P, backbone: &Backbone, pool: &PgPool, shutdown: &CancellationToken) -> Self {
        let tasks = TaskTracker::new();
        let standings = backbone
            .shards()
            .map(|shard| {
                let follower = ShardFollower::new(projection, backbone, pool, shard);
                let (sender, standing) = watch::channel(Standing::unknown(shard));
                if let Some(lag) = P::LABELS.lag {
                    let watched = watch_lag(lag, follower.clone(), standing.clone());
                    tasks.spawn(shutdown.clone().run_until_cancelled_owned(watched));
                }
                tasks.spawn(shutdown.clone().run_until_cancelled_owned(follow(follower, sender)));
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

    /// Waits until a shard's rows have come to `sequence`, or have stopped.
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

    /// Tells how far each shard's rows have come, as soon as they have, until the shutdown.
    pub async fn tell(&self, told: impl Fn(Shard, u64) + Sync) {
        let told = &told;
        join_all(self.standings.iter().cloned().map(|mut standing| async move {
            while standing.changed().await.is_ok() {
                let (shard, sequence) = {
                    let now = standing.borrow_and_update();
                    (now.shard, now.sequence)
                };
                if let Some(sequence) = sequence {
                    told(shard, sequence);
                }
            }
        }))
        .await;
    }

    /// Waits until every task has ended, after the shutdown.
    pub async fn finished(&self) {
        self.tasks.wait().await;
    }
}

/// Follows a shard over everything that may pass.
async fn follow<P: Projection>(follower: ShardFollower<P>, standing: watch::Sender<Standing>) {
    let position = metrics::gauge!(P::LABELS.position, "shard" => follower.shard().to_string());
    let mut pauses = PAUSES.build();
    loop {
        let ended = follower.follow(|checkpoint| {
            pauses = PAUSES.build();
            position.set(gauge(checkpoint.sequence));
            standing::advance(&standing, checkpoint.sequence);
            ControlFlow::Continue(())
        });
        let Err(error) = ended.await else { return };
        let pause = if error.is_passing() { pauses.next().unwrap_or(LONGEST_PAUSE) } else { STOPPED_PAUSE };
        standing::note(&standing, &P::LABELS, &error);
        sleep(pause).await;
    }
}

/// Measures how many commits the rows are behind the log.
async fn watch_lag<P: Projection>(name: &'static str, follower: ShardFollower<P>, standing: watch::Receiver<Standing>) {
    let lag = metrics::gauge!(name, "shard" => follower.shard().to_string());
    let mut tick = tokio::time::interval(LAG_EVERY);
    loop {
        tick.tick().await;
        // Before that the gauge says nothing, rather than something wrong.
        let Some(applied) = standing.borrow().sequence else { continue };
        match follower.end().await {
            Ok(end) => lag.set(gauge(end.saturating_sub(applied))),
            Err(error) => tracing::debug!(%error, "the lag is unknown"),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is read by its magnitude; 2^53 commits are far away")]
const fn gauge(number: u64) -> f64 {
    number as f64
}
