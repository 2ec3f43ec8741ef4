//! Webhooks at work, for as long as the process runs.

use std::sync::Arc;

use follower::Follower;
use ipnet::IpNet;
use nats::{Backbone, Shard, WebhookSecrets};
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::caller::Caller;
use crate::deliver::Deliverer;
use crate::ingest::Ingest;
use crate::payload::Payloads;
use crate::retry_policy::RetryPolicy;
use crate::{Error, dispatch};

/// What an operator can choose.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Networks that are no public ones and may be called all the same.
    pub networks: Vec<IpNet>,
    /// How long a call may take, and how often it is tried again.
    pub retry: RetryPolicy,
}

/// Webhooks at work.
#[derive(Debug)]
pub struct Webhooks {
    follower: Follower,
    dispatcher: TaskTracker,
}

impl Webhooks {
    /// Starts a follower of every shard, and the deliveries; they end with `shutdown`, once the calls under way have ended.
    pub fn start(backbone: &Backbone, pool: &PgPool, settings: &Settings, shutdown: &CancellationToken) -> Result<Self, Error> {
        let (dispatcher, news) = (TaskTracker::new(), Arc::new(Notify::new()));
        let deliverer = Deliverer {
            pool: pool.clone(),
            payloads: Payloads { backbone: backbone.clone(), pool: pool.clone() },
            caller: Caller::new(&settings.networks, settings.retry)?,
            audit: backbone.audit().clone(),
            secrets: WebhookSecrets::new(backbone.secrets()),
            retry: settings.retry,
            stop: shutdown.clone(),
        };
        dispatcher.spawn(dispatch::run(deliverer, Arc::clone(&news)));
        dispatcher.close();
        let ingest = Ingest::new(backbone, news);
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
pub async fn mend(backbone: &Backbone, pool: &PgPool) -> Result<Vec<Shard>, follower::Error> {
    let mended = follower::mend(&Ingest::new(backbone, Arc::default()), backbone, pool).await?;
    for shard in &mended {
        tracing::warn!(%shard, "the webhooks of another log are forgotten");
    }
    Ok(mended)
}
