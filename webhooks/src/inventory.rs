//! What an operator may ask and do about webhooks beside a running installation.

use std::sync::Arc;

use domain::agent::Webhook;
use domain::{AgentId, LinkId};
use follower::{Id, begin};
use nats::{Backbone, WebhookSecrets};
use serde_json::json;
use sqlx::PgPool;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::caller::{Answered, Call, Caller};
use crate::{Error, Settings, Target, TargetError, clock};

/// Dead letters that a list shows of one endpoint, the newest.
const SHOWN: i64 = 20;

/// A webhook and how it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointView {
    /// Whose it is.
    pub agent: AgentId,
    /// The link whose own it is; none is for all others.
    pub link: Option<LinkId>,
    /// The address.
    pub url: String,
    /// Whether calls carry words.
    pub with_text: bool,
    /// Deliveries that wait.
    pub pending: u64,
    /// Deliveries that were given up.
    pub dead: u64,
    /// Events that found the queue full.
    pub dropped: u64,
    /// Since when every call has failed.
    pub failing_since: Option<OffsetDateTime>,
    /// Until when none is made.
    pub wait_until: Option<OffsetDateTime>,
    /// The newest dead letters, 20 at most.
    pub dead_letters: Vec<DeadLetter>,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The event's id.
    pub event: String,
    /// The event's type.
    pub kind: String,
    /// When it was given up.
    pub dead_at: OffsetDateTime,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last try.
    pub error: Option<String>,
}

/// Lists the webhooks of all agents, or of one.
pub async fn list(pool: &PgPool, agent: Option<AgentId>) -> Result<Vec<EndpointView>, Error> {
    let mut transaction = begin(pool).await?;
    let rows = sqlx::query!(
        "SELECT endpoint.id, endpoint.agent, endpoint.link, endpoint.url, endpoint.with_text, endpoint.dropped,
            endpoint.failing_since, endpoint.wait_until,
            (SELECT count(*) FROM webhook_delivery WHERE endpoint = endpoint.id AND dead_at IS NULL) AS \"pending!\",
            (SELECT count(*) FROM webhook_delivery WHERE endpoint = endpoint.id AND dead_at IS NOT NULL) AS \"dead!\"
        FROM webhook_endpoint AS endpoint
        WHERE $1::UUID IS NULL OR endpoint.agent = $1
        ORDER BY endpoint.agent, endpoint.link NULLS FIRST",
        agent.map(|agent| agent.column()),
    )
    .fetch_all(&mut *transaction)
    .await?;
    let mut views = Vec::with_capacity(rows.len());
    for row in rows {
        let letters = sqlx::query!(
            "SELECT event, type AS kind, dead_at AS \"dead_at!\", attempts, last_error
            FROM webhook_delivery
            WHERE endpoint = $1 AND dead_at IS NOT NULL
            ORDER BY dead_at DESC, sequence DESC, index DESC
            LIMIT $2",
            row.id,
            SHOWN,
        )
        .fetch_all(&mut *transaction)
        .await?;
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        views.push(EndpointView {
            agent: AgentId::new(row.agent.into_bytes()),
            link: row.link.map(|link| LinkId::new(link.into_bytes())),
            url: row.url,
            with_text: row.with_text,
            pending: count(row.pending),
            dead: count(row.dead),
            dropped: count(row.dropped),
            failing_since: row.failing_since,
            wait_until: row.wait_until,
            dead_letters: letters
                .into_iter()
                .map(|letter| DeadLetter {
                    event: letter.event,
                    kind: letter.kind,
                    dead_at: letter.dead_at,
                    attempts: u32::try_from(letter.attempts).unwrap_or_default(),
                    error: letter.last_error,
                })
                .collect(),
        });
    }
    Ok(views)
}

/// How many deliveries to a webhook were given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadDeliveries {
    /// Whose webhook it is.
    pub agent: AgentId,
    /// The link whose own it is.
    pub link: Option<LinkId>,
    /// How many dead letters are kept.
    pub count: u64,
}

/// Counts the dead letters of each webhook that has any, of all agents or of one: of `limit` webhooks at most.
pub async fn dead_deliveries(pool: &PgPool, agent: Option<AgentId>, limit: u32) -> Result<Vec<DeadDeliveries>, Error> {
    let mut transaction = begin(pool).await?;
    let rows = sqlx::query!(
        "SELECT endpoint.agent, endpoint.link, count(*) AS \"count!\"
        FROM webhook_delivery AS delivery
        JOIN webhook_endpoint AS endpoint ON endpoint.id = delivery.endpoint
        WHERE delivery.dead_at IS NOT NULL AND ($1::UUID IS NULL OR endpoint.agent = $1)
        GROUP BY endpoint.agent, endpoint.link
        ORDER BY endpoint.agent, endpoint.link NULLS FIRST
        LIMIT $2",
        agent.map(|agent| agent.column()),
        i64::from(limit),
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let dead = rows.into_iter().map(|row| DeadDeliveries {
        agent: AgentId::new(row.agent.into_bytes()),
        link: row.link.map(|link| LinkId::new(link.into_bytes())),
        count: u64::try_from(row.count).unwrap_or_default(),
    });
    Ok(dead.collect())
}

/// Tries dead letters again, as if they had happened now: all of an agent, or of one link's own webhook, or a single event.
/// Returns how many.
pub async fn redeliver(pool: &PgPool, agent: AgentId, link: Option<LinkId>, event: Option<&str>) -> Result<u64, Error> {
    let now = clock::now();
    let link = link.map(|link| link.column());
    let mut transaction = begin(pool).await?;
    // Whoever asks for it believes that the endpoint works again.
    sqlx::query!(
        "UPDATE webhook_endpoint
        SET version = DEFAULT, failures = 0, failing_since = NULL, wait_until = NULL
        WHERE agent = $1 AND ($2::UUID IS NULL OR link = $2)",
        agent.column(),
        link,
    )
    .execute(&mut *transaction)
    .await?;
    let again = sqlx::query!(
        "UPDATE webhook_delivery AS delivery
        SET dead_at = NULL, since = $4, due_at = $4, attempts = 0, lease_until = NULL
        FROM webhook_endpoint AS endpoint
        WHERE endpoint.id = delivery.endpoint
            AND endpoint.agent = $1
            AND ($2::UUID IS NULL OR endpoint.link = $2)
            AND ($3::TEXT IS NULL OR delivery.event = $3)
            AND delivery.dead_at IS NOT NULL",
        agent.column(),
        link,
        event,
        now,
    )
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(again.rows_affected())
}

/// Signs and calls outside any queue: what an operator tries out.
#[derive(Debug, Clone)]
pub struct Tester {
    caller: Caller,
    secrets: Arc<WebhookSecrets>,
}

impl Tester {
    /// Reaches what deliveries reach under the same settings.
    pub fn new(backbone: &Backbone, settings: &Settings) -> Result<Self, Error> {
        let secrets = Arc::new(WebhookSecrets::new(backbone.secrets()));
        Ok(Self { caller: Caller::new(&settings.networks, settings.retry)?, secrets })
    }

    /// Returns the secret that signs a webhook's calls.
    pub fn secret(&self, agent: AgentId, link: Option<LinkId>, webhook: &Webhook) -> Zeroizing<String> {
        self.secrets.text(agent, link, webhook.rotation)
    }

    /// Refuses an address that will never be called, as far as that can be told now.
    pub async fn judge(&self, target: &Target) -> Result<(), TargetError> {
        self.caller.judge(target).await
    }

    /// Sends an event of type `test`, once.
    pub async fn test(&self, agent: AgentId, link: Option<LinkId>, webhook: &Webhook) -> Result<Answered, TargetError> {
        let target = Target::parse(&webhook.url)?;
        let now = clock::now();
        let at = now.format(&Rfc3339).unwrap_or_default();
        let id = format!("test_{}", now.unix_timestamp_nanos() / 1_000_000);
        let data = json!({"id": id, "type": "test", "at": at, "link_id": link});
        let body = json!({"type": "test", "timestamp": at, "agent_id": agent, "data": data}).to_string();
        let secrets = [self.secret(agent, link, webhook)];
        Ok(self.caller.call(Call { target: &target, secrets: &secrets, id: &id, body }).await)
    }
}
