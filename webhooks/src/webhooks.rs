//! Keeps agents told for as long as the process runs.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use nats::{Backbone, Shard, WebhookSecrets};
use sqlx::PgPool;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::caller::Caller;
use crate::follow::ShardFollower;
use crate::patience::Patience;
use crate::round::Deliverer;
use crate::told::{Bodies, Teller};
use crate::{Error, dispatch};

/// The first and the longest pause after what may pass by itself.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The pause of a shard that has stopped: a rebuild, from any process, sets it going again.
const STOPPED_PAUSE: Duration = Duration::from_secs(2);

/// What an operator can choose.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Networks that are no public ones and may be called all the same.
    pub networks: Vec<IpNet>,
    /// How long is waited, and how often tried.
    pub patience: Patience,
}

/// How the reading of a shard stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The shard.
    pub shard: Shard,
    /// The last commit read, as far as this process knows; none before it has looked.
    pub sequence: Option<u64>,
    /// Why it has stopped, where someone has to look.
    pub stopped: Option<String>,
}

/// Webhooks at work.
#[derive(Debug)]
pub struct Webhooks {
    tasks: TaskTracker,
    standings: Vec<watch::Receiver<Standing>>,
}

impl Webhooks {
    /// Starts a reader for every shard, and the deliveries; they end with `shutdown`, once the calls under way have ended.
    pub fn start(
        backbone: &Backbone,
        pool: &PgPool,
        teller: &Teller,
        settings: &Settings,
        shutdown: &CancellationToken,
    ) -> Result<Self, Error> {
        let (tasks, news) = (TaskTracker::new(), Arc::new(Notify::new()));
        let deliverer = Deliverer {
            pool: pool.clone(),
            bodies: Bodies { backbone: backbone.clone(), pool: pool.clone(), teller: teller.clone() },
            caller: Caller::new(&settings.networks, settings.patience)?,
            secrets: WebhookSecrets::new(backbone.secrets()),
            patience: settings.patience,
            stop: shutdown.clone(),
        };
        tasks.spawn(dispatch::run(deliverer, Arc::clone(&news)));
        let standings = backbone
            .shards()
            .map(|shard| {
                let follower = ShardFollower { backbone: backbone.clone(), pool: pool.clone(), teller: teller.clone(), shard };
                let (told, standing) = watch::channel(Standing { shard, sequence: None, stopped: None });
                tasks.spawn(shutdown.clone().run_until_cancelled_owned(follow(follower, told, Arc::clone(&news))));
                standing
            })
            .collect();
        tasks.close();
        Ok(Self { tasks, standings })
    }

    /// Tells how every shard stands.
    pub fn standings(&self) -> Vec<Standing> {
        self.standings.iter().map(|standing| standing.borrow().clone()).collect()
    }

    /// Waits until a shard was read up to `sequence`, or its reading has stopped.
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

/// Begins anew what was made for webhooks of other logs than this one: nobody is called for what has happened up to now.
/// Returns the shards of which that was so; of the others nothing changes.
pub async fn mend(backbone: &Backbone, pool: &PgPool, teller: &Teller) -> Result<Vec<Shard>, Error> {
    let mut mended = Vec::new();
    for shard in backbone.shards() {
        let follower = ShardFollower { backbone: backbone.clone(), pool: pool.clone(), teller: teller.clone(), shard };
        if follower.mend().await? {
            tracing::warn!(%shard, "the webhooks of another log are forgotten");
            mended.push(shard);
        }
    }
    Ok(mended)
}

/// Follows a shard over everything that may pass.
async fn follow(shard: ShardFollower, told: watch::Sender<Standing>, news: Arc<Notify>) {
    let position = metrics::gauge!("tempchat_webhook_position", "shard" => shard.shard.to_string());
    let mut pause = PAUSE;
    loop {
        let followed = shard.follow(|checkpoint| {
            pause = PAUSE;
            position.set(gauge(checkpoint.sequence));
            told.send_modify(|standing| {
                standing.sequence = Some(checkpoint.sequence);
                standing.stopped = None;
            });
            news.notify_one();
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
        tracing::warn!(shard = %told.borrow().shard, reason, "webhooks try again");
    } else if told.borrow().stopped.as_ref() != Some(&reason) {
        tracing::error!(shard = %told.borrow().shard, reason, "webhooks have stopped");
        told.send_modify(|standing| standing.stopped = Some(reason));
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is read by its magnitude; 2^53 commits are far away")]
const fn gauge(number: u64) -> f64 {
    number as f64
}
