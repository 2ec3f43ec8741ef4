//! From the log to deliveries, in the transaction of the checkpoint.

use std::collections::HashSet;
use std::sync::Arc;

use domain::{LinkId, Target, agent, link};
use follower::{Batch, Id, Labels, Projection, signed};
use nats::{Actor, AnyEvent, Backbone, Cursors, Recorded, RecordedPruning, Shard, Unknown};
use sqlx::PgConnection;
use sqlx::types::Uuid;
use tokio::sync::Notify;

use crate::clock;
use crate::table::delivery::{self, New};
use crate::table::endpoint::{self, Owner};

/// Endpoints and deliveries as a projection of the log.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    /// Shows where an event stands, under a seal.
    cursors: Cursors,
    /// Wakes the dispatcher.
    news: Arc<Notify>,
}

impl Projection for Ingest {
    const NAME: &'static str = "webhooks";
    const LABELS: Labels = Labels {
        rows: "the webhooks' rows",
        tries_again: "webhooks try again",
        has_stopped: "webhooks have stopped",
        position: "tempchat_webhook_position",
        lag: None,
    };
    /// Whether something may be due.
    type Written = bool;

    /// Sets webhooks, and adds deliveries for those that are set, in the log's order.
    async fn apply(&self, connection: &mut PgConnection, batch: Batch<'_>) -> sqlx::Result<bool> {
        let owners: Vec<Uuid> = batch.commits.iter().flat_map(owners).collect::<HashSet<_>>().into_iter().collect();
        let mut endpoints: HashSet<Uuid> = endpoint::among(connection, &owners).await?.into_iter().collect();
        let mut is_due = false;
        let mut new = New::default();
        for recorded in batch.commits {
            for change in changes(recorded) {
                // What came before a change goes where it pointed then.
                is_due |= add(connection, batch.shard, &mut new).await?;
                let owner = Owner { agent: recorded.address.agent, link: change.link() };
                match change {
                    Change::Set(_, webhook) => {
                        endpoint::set(connection, batch.shard, owner, webhook, recorded.commit.at).await?;
                        endpoints.insert(owner.column());
                        is_due = true;
                    }
                    Change::Removed(_) => {
                        endpoint::remove(connection, owner).await?;
                        endpoints.remove(&owner.column());
                    }
                    Change::Over(link) => endpoint::retire(connection, link).await?,
                }
            }
            // An agent is not told of what it did itself.
            if recorded.sequence > batch.held_until && !matches!(recorded.commit.actor, Actor::Agent(_)) {
                self.collect(recorded, &endpoints, &mut new);
            }
        }
        Ok(is_due | add(connection, batch.shard, &mut new).await?)
    }

    /// What nobody here can read wakes nobody.
    async fn unknown(&self, _: &mut PgConnection, _: &Unknown) -> sqlx::Result<()> {
        Ok(())
    }

    /// Nothing waits any more for a link that was erased so long ago.
    async fn pruned(&self, _: &mut PgConnection, _: &RecordedPruning) -> sqlx::Result<()> {
        Ok(())
    }

    async fn clear(&self, connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
        endpoint::delete_all(connection, shard).await
    }

    fn committed(&self, is_due: bool) {
        if is_due {
            self.news.notify_one();
        }
    }
}

impl Ingest {
    pub(crate) fn new(backbone: &Backbone, news: Arc<Notify>) -> Self {
        Self { cursors: backbone.cursors().clone(), news }
    }

    /// Collects a commit's events that an endpoint wants; nothing is built of the others.
    fn collect(&self, recorded: &Recorded, endpoints: &HashSet<Uuid>, new: &mut New) {
        for fact in recorded.facts() {
            let (session, link) = match fact.address.target {
                Target::Agent => continue,
                Target::Link(link) => (None, Some(link)),
                Target::Session(session) => (Some(session), fact.link),
            };
            let (agent, Some(link)) = (fact.address.agent.column(), link) else { continue };
            if !endpoints.contains(&agent) && !endpoints.contains(&link.column()) {
                continue;
            }
            // Without a vault nothing is opened, so nothing can fail to open.
            let Ok(Some(payload)) = events::payload(&fact, None, &self.cursors) else { continue };
            new.shard.push(i32::from(fact.position.shard.0));
            new.sequence.push(signed(fact.position.sequence));
            new.index.push(i32::from(fact.position.index));
            new.agent.push(agent);
            new.link.push(link.column());
            new.session.push(session.map(|session| session.column()));
            new.event.push(payload.id);
            new.kind.push(payload.kind.to_owned());
            new.thin.push(serde_json::Value::Object(payload.event).to_string());
        }
    }
}

/// Adds the deliveries collected so far; returns whether there are any.
async fn add(connection: &mut PgConnection, shard: Shard, new: &mut New) -> sqlx::Result<bool> {
    if new.sequence.is_empty() {
        return Ok(false);
    }
    let added = delivery::add(connection, &std::mem::take(new), clock::now()).await?;
    if let Ok(dropped @ 1..) = u64::try_from(added.dropped) {
        tracing::warn!(%shard, dropped, "events found the queue of their webhook full");
        metrics::counter!("tempchat_webhook_events_dropped_total").increment(dropped);
    }
    Ok(added.rows > 0)
}

/// Lists who may have an endpoint for a commit: its agent, and its link.
fn owners(recorded: &Recorded) -> impl Iterator<Item = Uuid> {
    let link = match recorded.address.target {
        Target::Link(link) => Some(link),
        Target::Agent | Target::Session(_) => recorded.commit.link,
    };
    [recorded.address.agent.column()].into_iter().chain(link.map(|link| link.column()))
}

/// What a commit changes about webhooks.
enum Change<'a> {
    Set(Option<LinkId>, &'a agent::Webhook),
    Removed(Option<LinkId>),
    /// The link is no more.
    Over(LinkId),
}

impl Change<'_> {
    fn link(&self) -> Option<LinkId> {
        match self {
            Self::Set(link, _) | Self::Removed(link) => *link,
            Self::Over(link) => Some(*link),
        }
    }
}

fn changes(recorded: &Recorded) -> impl Iterator<Item = Change<'_>> {
    recorded.commit.events.iter().filter_map(|event| match (recorded.address.target, event) {
        (Target::Agent, AnyEvent::Agent(agent::Event::WebhookSet { webhook })) => {
            Some(webhook.as_ref().map_or(Change::Removed(None), |webhook| Change::Set(None, webhook)))
        }
        (Target::Link(link), AnyEvent::Link(link::Event::WebhookSet { webhook })) => {
            Some(webhook.as_ref().map_or(Change::Removed(Some(link)), |webhook| Change::Set(Some(link), webhook)))
        }
        (Target::Link(link), AnyEvent::Link(link::Event::Erased)) => Some(Change::Over(link)),
        (Target::Agent | Target::Link(_) | Target::Session(_), AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_)) => {
            None
        }
    })
}
