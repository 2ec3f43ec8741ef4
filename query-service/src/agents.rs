//! Agents and their keys, without secrets: for the operator and for an agent's own team.

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
    /// Its webhook.
    pub webhook: Option<Webhook>,
    /// Every key ever issued, oldest first.
    pub keys: Vec<KeyView>,
}

/// One of an agent's keys; only its holder has the secret, and the log has the secret's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyView {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What it permits.
    pub grant: Grant,
    /// When it last got a new secret.
    pub rotated_at: Option<Timestamp>,
    /// Until when earlier secrets are valid.
    pub overlap_until: Option<Timestamp>,
    /// The hour in which it was last used; for the operator only.
    pub used_at: Option<Timestamp>,
    /// When it was revoked.
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
    /// Returns an agent with its keys; `None` where there is no such agent.
    pub async fn agent(&self, agent: AgentId, fresh: Freshness) -> Result<Answer<Option<AgentView>>, Error> {
        let Snapshot { mut view, stale } = self.snapshot(Viewer::Agent(agent), fresh).await?;
        let value = one(&mut view.transaction, agent).await?;
        view.end().await?;
        Ok(Answer { value, stale })
    }

    /// Lists all agents in the order of their registration, for the operator; as fresh as the rows are.
    pub async fn agents(&self) -> Result<Vec<AgentView>, Error> {
        let mut transaction = role::operator(&self.inner.pool).await?;
        let mut agents = all(&mut transaction).await?;
        let uses = uses(&mut transaction).await?;
        transaction.commit().await?;
        for key in agents.iter_mut().flat_map(|agent| &mut agent.keys) {
            key.used_at = uses.get(&key.id).copied();
        }
        Ok(agents)
    }
}

/// Reads agents with what `$tail` adds.
macro_rules! agent_rows {
    ($tail:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            AgentRow,
            "SELECT id, name, registered_at, webhook_url, webhook_with_text, webhook_rotation
             FROM agent
             " + $tail
            $(, $parameter)*
        )
    };
}

/// Reads keys with what `$tail` adds.
macro_rules! key_rows {
    ($tail:literal $(, $parameter:expr)*) => {
        sqlx::query_as!(
            KeyRow,
            "SELECT id, agent, name, scopes, link, issued_at, expires_at, rotated_at, overlap_until, revoked_at
             FROM agent_key
             " + $tail
            $(, $parameter)*
        )
    };
}

async fn one(transaction: &mut Transaction<'static, Postgres>, agent: AgentId) -> Result<Option<AgentView>, Error> {
    let id = uuid(agent.bytes());
    let agent = agent_rows!("WHERE id = $1", id).fetch_optional(&mut **transaction).await?;
    let keys = key_rows!("WHERE agent = $1 ORDER BY issued_at, id", id).fetch_all(&mut **transaction).await?;
    Ok(agent.map(|agent| agent.view(&keys)))
}

async fn all(transaction: &mut Transaction<'static, Postgres>) -> Result<Vec<AgentView>, Error> {
    let agents = agent_rows!("ORDER BY registered_at, id").fetch_all(&mut **transaction).await?;
    let keys = key_rows!("ORDER BY issued_at, id").fetch_all(&mut **transaction).await?;
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
                // Scopes that a later version wrote are left out.
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
