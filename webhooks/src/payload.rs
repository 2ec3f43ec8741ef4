//! What an endpoint is told of an event: ids and its type or, where an operator chose so, what an agent would be shown.

use std::fmt;
use std::sync::Arc;

use domain::{Address, AgentId, LinkId, SessionId};
use follower::{begin, unsigned};
use nats::{Backbone, Fact, OpenError, Scope, Vault};
use serde_json::{Map, Value, json};
use sqlx::PgPool;

use crate::clock;
use crate::table::delivery::Claimed;
use crate::table::endpoint::Endpoint;

/// An event as agents see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Its public id.
    pub id: String,
    /// Its public type.
    pub kind: &'static str,
    /// The event, as the public contract has it; an object.
    pub event: Map<String, Value>,
}

/// Shows events as agents see them: the edge knows how. None for what wakes no agent.
#[derive(Clone)]
pub struct Teller(Arc<Tell>);

type Tell = dyn Fn(&Fact, &Vault) -> Result<Option<Told>, OpenError> + Send + Sync;

impl Teller {
    /// Takes the edge's way of showing an event.
    pub fn new(tell: impl Fn(&Fact, &Vault) -> Result<Option<Told>, OpenError> + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Shows an event, its words opened by the vault of its aggregate.
    pub(crate) fn tell(&self, fact: &Fact, vault: &Vault) -> Result<Option<Told>, OpenError> {
        (self.0)(fact, vault)
    }

    /// Shows an event without any data: what its row holds, and what is sent without words.
    pub(crate) fn thin(&self, fact: &Fact) -> Option<Told> {
        // Nothing is opened, so nothing can fail to open.
        let mut told = self.tell(fact, &Vault::erased(fact.address)).ok().flatten()?;
        told.event.remove("data");
        Some(told)
    }
}

impl fmt::Debug for Teller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Teller")
    }
}

/// Why the words of an event cannot be sent now; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WordsError {
    #[error("the log cannot be read")]
    Log(#[from] nats::Error),
    #[error("the words do not open")]
    Unreadable(#[from] OpenError),
    #[error("the rows cannot be read")]
    Rows(#[from] sqlx::Error),
}

/// Writes the bodies of calls (Standard Webhooks, "Payload structure").
#[derive(Debug, Clone)]
pub(crate) struct Bodies {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
    pub(crate) teller: Teller,
}

impl Bodies {
    /// Writes what an endpoint is to get of a delivery; words are opened now, and only if they may still be read.
    pub(crate) async fn write(&self, endpoint: &Endpoint, delivery: &Claimed) -> Result<String, WordsError> {
        let words = if endpoint.with_text { self.words(endpoint, delivery).await? } else { None };
        let event = words.map_or_else(|| serde_json::from_str(&delivery.thin).unwrap_or_default(), Value::Object);
        let timestamp = event.get("at").cloned();
        let agent = AgentId::new(endpoint.agent.into_bytes());
        Ok(json!({"type": delivery.kind, "timestamp": timestamp, "agent_id": agent, "data": event}).to_string())
    }

    /// Reads the event again from the log, and opens it.
    async fn words(&self, endpoint: &Endpoint, delivery: &Claimed) -> Result<Option<Map<String, Value>>, WordsError> {
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
        let vault = if self.are_due_to_be_gone(delivery).await? {
            Vault::erased(address)
        } else {
            self.backbone.opener().vault(address).await?
        };
        Ok(self.teller.tell(&fact, &vault)?.map(|told| told.event))
    }

    /// Compares with the clock itself: a dead timer keeps no words alive.
    async fn are_due_to_be_gone(&self, delivery: &Claimed) -> sqlx::Result<bool> {
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
