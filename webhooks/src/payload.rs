//! The body of a call: an event's ids and type or, where an operator chose so, what an agent would be shown.

use domain::{Address, AgentId, LinkId, SessionId};
use follower::{begin, unsigned};
use nats::{Backbone, OpenError, Scope, Vault};
use serde_json::{Map, Value, json};
use sqlx::PgPool;

use crate::clock;
use crate::table::delivery::Claimed;
use crate::table::endpoint::Endpoint;

/// Why the text of an event cannot be sent now; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TextError {
    #[error("the log cannot be read")]
    Log(#[from] nats::Error),
    #[error("the words do not open")]
    Unreadable(#[from] OpenError),
    #[error("the rows cannot be read")]
    Rows(#[from] sqlx::Error),
}

/// Writes the bodies of calls (Standard Webhooks, "Payload structure").
#[derive(Debug, Clone)]
pub(crate) struct Payloads {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
}

impl Payloads {
    /// Writes what an endpoint gets of a delivery; text is opened now, and only if it may still be read.
    pub(crate) async fn write(&self, endpoint: &Endpoint, delivery: &Claimed) -> Result<String, TextError> {
        let whole = if endpoint.with_text { self.whole(endpoint, delivery).await? } else { None };
        let event = whole.map_or_else(|| serde_json::from_str(&delivery.thin).unwrap_or_default(), Value::Object);
        let timestamp = event.get("at").cloned();
        let agent = AgentId::new(endpoint.agent.into_bytes());
        Ok(json!({"type": delivery.kind, "timestamp": timestamp, "agent_id": agent, "data": event}).to_string())
    }

    /// Reads the event again from the log, and opens its text.
    async fn whole(&self, endpoint: &Endpoint, delivery: &Claimed) -> Result<Option<Map<String, Value>>, TextError> {
        let agent = AgentId::new(endpoint.agent.into_bytes());
        let address = match delivery.session {
            Some(session) => Address::session(agent, SessionId::new(session.into_bytes())),
            None => Address::link(agent, LinkId::new(delivery.link.into_bytes())),
        };
        let sequence = unsigned(delivery.sequence);
        let found = self.backbone.store().scan(Scope::Aggregate(address), sequence.saturating_sub(1), sequence, 1).await?;
        let Some(fact) = found.first().and_then(|recorded| {
            recorded.facts().find(|fact| i32::from(fact.position.index) == delivery.index && recorded.sequence == sequence)
        }) else {
            return Ok(None);
        };
        let vault = if self.is_due_to_be_erased(delivery).await? {
            Vault::erased(address)
        } else {
            self.backbone.opener().vault(address).await?
        };
        Ok(events::payload(&fact, Some(&vault), self.backbone.cursors())?.map(|payload| payload.event))
    }

    /// Compares with the clock: text is not sent after its time, even if the scheduled erasure never runs.
    async fn is_due_to_be_erased(&self, delivery: &Claimed) -> sqlx::Result<bool> {
        let Some(session) = delivery.session else { return Ok(false) };
        let mut transaction = begin(&self.pool).await?;
        let row = sqlx::query!(
            "SELECT COALESCE(erase_at, expires_at + keep_after_end_ms * INTERVAL '1 millisecond') <= $2 AS \"is_due!\"
            FROM session
            WHERE id = $1",
            session,
            clock::now(),
        )
        .fetch_optional(&mut *transaction)
        .await?;
        Ok(row.is_some_and(|row| row.is_due))
    }
}
