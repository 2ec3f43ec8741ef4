//! Keeps agents told for as long as the process runs.

use std::sync::Arc;

use follower::Follower;
use ipnet::IpNet;
use nats::{Backbone, Shard, WebhookSecrets};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::caller::Caller;
use crate::ingest::Ingest;
use crate::patience::Patience;
use crate::round::Deliverer;
use crate::told::{Bodies, Teller};
use crate::{Error, dispatch};

/// What an operator can choose.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Networks that are no public ones and may be called all the same.
    pub networks: Vec<IpNet>,
    /// How long is waited, and how often tried.
    pub patience: Patience,
}

/// Webhooks at work.
#[derive(Debug)]
pub struct Webhooks {
    follower: Follower,
    dispatcher: TaskTracker,
}

impl Webhooks {
    /// Starts a follower of every shard, and the deliveries; they end with `shutdown`, once the calls under way have ended.
    pub fn start(
        backbone: &Backbone,
        pool: &PgPool,
        teller: &Teller,
        settings: &Settings,
        shutdown: &CancellationToken,
    ) -> Result<Self, Error> {
        let (dispatcher, news) = (TaskTracker::new(), Arc::new(Notify::new()));
        let deliverer = Deliverer {
            pool: pool.clone(),
            bodies: Bodies { backbone: backbone.clone(), pool: pool.clone(), teller: teller.clone() },
            caller: Caller::new(&settings.networks, settings.patience)?,
            secrets: WebhookSecrets::new(backbone.secrets()),
            patience: settings.patience,
            stop: shutdown.clone(),
        };
        dispatcher.spawn(dispatch::run(deliverer, Arc::clone(&news)));
        dispatcher.close();
        let ingest = Ingest { teller: teller.clone(), news };
        Ok(Self { follower: Follower::start(&ingest, backbone, pool, shutdown), dispatcher })
    }

    /// Returns what reads the log.
    pub const fn follower(&self) -> &Follower {
        &self.follower
    }

    /// Waits until every task has ended, after the shutdown.
    pub async fn finished(&self) {
        self.follower.finished().await;
        self.dispatcher.wait().await;
    }
}

/// Begins anew what was made for webhooks of other logs than this one: nobody is called for what has happened up to now.
/// Returns the shards of which that was so; of the others nothing changes.
pub async fn mend(backbone: &Backbone, pool: &PgPool, teller: &Teller) -> Result<Vec<Shard>, follower::Error> {
    let ingest = Ingest { teller: teller.clone(), news: Arc::default() };
    let mended = follower::mend(&ingest, backbone, pool).await?;
    for shard in &mended {
        tracing::warn!(%shard, "the webhooks of another log are forgotten");
    }
    Ok(mended)
}
