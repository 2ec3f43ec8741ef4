//! Agents and their keys: names only, for whoever runs this service and for an agent's own team.

use domain::agent::Webhook;
use domain::{AgentId, KeyId, Timestamp};
use sqlx::types::Uuid;
use sqlx::{Postgres, Transaction};
use time::OffsetDateTime;

use crate::columns::{count, timestamp, uuid};
use crate::freshness::Snapshot;
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
    issued_at: OffsetDateTime,
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
        let agents = agents(&mut transaction, None).await?;
        transaction.commit().await?;
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
        "SELECT id, agent, name, issued_at, revoked_at
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
            revoked_at: self.revoked_at.map(timestamp),
        }
    }
}
