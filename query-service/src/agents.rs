//! Agents and their keys: names only, for whoever runs this service and for an agent's own team.

use domain::agent::{Grant, Webhook};
use domain::{AgentId, KeyId, LinkId, Timestamp};
use sqlx::types::Uuid;
use sqlx::{Postgres, Transaction};
use time::OffsetDateTime;

use crate::columns::{count, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::key_use::uses;
use crate::{Answer, Error, Freshness, Queries, Viewer, role};

/// An agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// When it was registered.
    pub registered_at: Timestamp,
    /// Where it is told of events.
    pub webhook: Option<Webhook>,
    /// Every key ever issued, oldest first.
    pub keys: Vec<KeyView>,
}

/// One of an agent's keys; its secret is with its holder, the secret's hash in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// The name under which it acts.
    pub name: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What it may do.
    pub grant: Grant,
    /// When it last got a new secret.
    pub rotated_at: Option<Timestamp>,
    /// Until when the secrets before that are good.
    pub overlap_until: Option<Timestamp>,
    /// The hour in which it was last used; told to whoever runs this service only.
    pub used_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

struct AgentRow {
    id: Uuid,
    name: String,
    registered_at: OffsetDateTime,
    webhook_url: Option<String>,
    webhook_with_text: Option<bool>,
    webhook_rotation: Option<i64>,
}

struct KeyRow {
    id: Uuid,
    agent: Uuid,
    name: String,
    scopes: Option<Vec<String>>,
    link: Option<Uuid>,
    issued_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    rotated_at: Option<OffsetDateTime>,
    overlap_until: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
}

impl Queries {
    /// Shows an agent with its keys; none where there is no such agent.
    pub async fn agent(&self, agent: AgentId, fresh: Freshness) -> Result<Answer<Option<AgentView>>, Error> {
        let Snapshot { mut view, stale } = self.snapshot(Viewer::Agent(agent), fresh).await?;
        let mut agents = agents(&mut view.transaction, Some(agent)).await?;
        view.end().await?;
        Ok(Answer { value: agents.pop(), stale })
    }

    /// Lists all agents in the order of their registration, for whoever runs this service; as fresh as the rows are.
    pub async fn agents(&self) -> Result<Vec<AgentView>, Error> {
        let mut transaction = role::operator(&self.inner.pool).await?;
        let mut agents = agents(&mut transaction, None).await?;
        let uses = uses(&mut transaction).await?;
        transaction.commit().await?;
        for key in agents.iter_mut().flat_map(|agent| &mut agent.keys) {
            key.used_at = uses.get(&key.id).copied();
        }
        Ok(agents)
    }
}

async fn agents(transaction: &mut Transaction<'static, Postgres>, only: Option<AgentId>) -> Result<Vec<AgentView>, Error> {
    let only = only.map(|agent| uuid(agent.bytes()));
    let agents = sqlx::query_as!(
        AgentRow,
        "SELECT id, name, registered_at, webhook_url, webhook_with_text, webhook_rotation
         FROM agent
         WHERE $1::UUID IS NULL OR id = $1
         ORDER BY registered_at, id",
        only
    )
    .fetch_all(&mut **transaction)
    .await?;
    let keys = sqlx::query_as!(
        KeyRow,
        "SELECT id, agent, name, scopes, link, issued_at, expires_at, rotated_at, overlap_until, revoked_at
         FROM agent_key
         WHERE $1::UUID IS NULL OR agent = $1
         ORDER BY issued_at, id",
        only
    )
    .fetch_all(&mut **transaction)
    .await?;
    Ok(agents.into_iter().map(|agent| agent.view(&keys)).collect())
}

impl AgentRow {
    fn view(self, keys: &[KeyRow]) -> AgentView {
        let keys = keys.iter().filter(|key| key.agent == self.id).map(KeyRow::view).collect();
        AgentView {
            id: AgentId::new(self.id.into_bytes()),
            name: self.name,
            registered_at: timestamp(self.registered_at),
            webhook: self.webhook_url.map(|url| Webhook {
                url,
                with_text: self.webhook_with_text.unwrap_or(false),
                rotation: self.webhook_rotation.map_or(0, count),
            }),
            keys,
        }
    }
}

impl KeyRow {
    fn view(&self) -> KeyView {
        KeyView {
            id: KeyId::new(self.id.into_bytes()),
            name: self.name.clone(),
            issued_at: timestamp(self.issued_at),
            grant: Grant {
                // A scope of a later version is none that this one could tell of.
                scopes: self.scopes.as_ref().map(|scopes| scopes.iter().filter_map(|scope| scope.parse().ok()).collect()),
                link: self.link.map(|link| LinkId::new(link.into_bytes())),
                expires_at: self.expires_at.map(timestamp),
            },
            rotated_at: self.rotated_at.map(timestamp),
            overlap_until: self.overlap_until.map(timestamp),
            used_at: None,
            revoked_at: self.revoked_at.map(timestamp),
        }
    }
}
