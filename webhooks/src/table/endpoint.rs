//! Table `webhook_endpoint`: where agents' events are sent, and how those addresses do.

use domain::agent::Webhook;
use domain::{AgentId, LinkId, Timestamp};
use follower::{Id, moment};
use nats::Shard;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// A row of `webhook_endpoint`.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) id: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) link: Option<Uuid>,
    pub(crate) url: String,
    pub(crate) with_text: bool,
    pub(crate) rotation: i64,
    pub(crate) rotated_at: Option<OffsetDateTime>,
    pub(crate) failures: i32,
    /// Moves whenever its address is set, or its failures are forgiven.
    pub(crate) version: i64,
}

/// Whose webhook it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner {
    pub(crate) agent: AgentId,
    pub(crate) link: Option<LinkId>,
}

impl Owner {
    /// Returns the row's key.
    pub(crate) fn column(&self) -> Uuid {
        self.link.map_or_else(|| self.agent.column(), |link| link.column())
    }
}

/// Sets a webhook. What waits for an earlier address goes to the new one, at once.
pub(crate) async fn set(
    connection: &mut PgConnection,
    shard: Shard,
    owner: Owner,
    webhook: &Webhook,
    at: Timestamp,
) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO webhook_endpoint AS known (id, agent, link, shard, url, with_text, rotation)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE
        SET url = excluded.url,
            with_text = excluded.with_text,
            rotation = excluded.rotation,
            rotated_at = CASE WHEN known.rotation <> excluded.rotation THEN $8 ELSE known.rotated_at END,
            version = DEFAULT,
            failures = 0,
            failing_since = NULL,
            wait_until = NULL",
        owner.column(),
        owner.agent.column(),
        owner.link.map(|link| link.column()),
        i32::from(shard.0),
        webhook.url,
        webhook.with_text,
        i64::from(webhook.rotation),
        moment(at),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes a webhook, with all that waits for it.
pub(crate) async fn remove(connection: &mut PgConnection, owner: Owner) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM webhook_endpoint WHERE id = $1", owner.column()).execute(connection).await?;
    Ok(())
}

/// Removes all webhooks of a shard, with all that waits for them.
pub(crate) async fn delete_all(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM webhook_endpoint WHERE shard = $1", i32::from(shard.0)).execute(connection).await?;
    Ok(())
}

/// Lists which of these agents and links have an endpoint.
pub(crate) async fn among(connection: &mut PgConnection, owners: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("SELECT id FROM webhook_endpoint WHERE id = ANY ($1)", owners).fetch_all(connection).await
}

/// Lets a link's own webhook go once nothing waits for it any more.
pub(crate) async fn retire(connection: &mut PgConnection, link: LinkId) -> sqlx::Result<()> {
    sqlx::query!("UPDATE webhook_endpoint SET retired = true WHERE id = $1", link.column()).execute(&mut *connection).await?;
    forget_retired(connection, link.column()).await
}

/// Deletes a retired endpoint, unless something waits for it.
pub(crate) async fn forget_retired(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM webhook_endpoint AS endpoint
        WHERE endpoint.id = $1
            AND endpoint.retired
            AND NOT EXISTS (SELECT FROM webhook_delivery AS delivery WHERE delivery.endpoint = endpoint.id AND delivery.dead_at IS NULL)",
        id,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Reads an endpoint.
pub(crate) async fn load(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<Endpoint>> {
    sqlx::query_as!(
        Endpoint,
        "SELECT id, agent, link, url, with_text, rotation, rotated_at, failures, version
        FROM webhook_endpoint
        WHERE id = $1",
        id,
    )
    .fetch_optional(connection)
    .await
}

/// Returns the version of an endpoint, and keeps others from changing it until the transaction ends.
pub(crate) async fn lock(connection: &mut PgConnection, id: Uuid) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar!("SELECT version FROM webhook_endpoint WHERE id = $1 FOR NO KEY UPDATE", id)
        .fetch_optional(connection)
        .await
}

/// Finds endpoints for which something is due, those that work first; `busy` ones are left out, and failing ones beyond `failing`.
pub(crate) async fn due(
    connection: &mut PgConnection,
    now: OffsetDateTime,
    busy: &[Uuid],
    most: i64,
    failing: i64,
) -> sqlx::Result<Vec<Due>> {
    sqlx::query_as!(
        Due,
        "WITH due AS MATERIALIZED (
            SELECT id, failures > 0 AS is_failing
            FROM webhook_endpoint AS endpoint
            WHERE id <> ALL($2)
                AND (wait_until IS NULL OR wait_until <= $1)
                AND EXISTS (
                    SELECT
                    FROM webhook_delivery AS delivery
                    WHERE delivery.endpoint = endpoint.id
                        AND delivery.dead_at IS NULL
                        AND delivery.due_at <= $1
                        AND (delivery.lease_until IS NULL OR delivery.lease_until < $1)
                )
        )
        (SELECT id AS \"id!\", is_failing AS \"is_failing!\" FROM due WHERE NOT is_failing LIMIT $3)
        UNION ALL
        (SELECT id, is_failing FROM due WHERE is_failing ORDER BY random() LIMIT $4)",
        now,
        busy,
        most,
        failing,
    )
    .fetch_all(connection)
    .await
}

/// An endpoint for which something is due.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) id: Uuid,
    pub(crate) is_failing: bool,
}

/// Notes how an endpoint does after some calls: `failures` in a row, the last of them just now.
pub(crate) async fn note(
    connection: &mut PgConnection,
    id: Uuid,
    failures: i32,
    now: OffsetDateTime,
    wait_until: Option<OffsetDateTime>,
) -> sqlx::Result<Option<OffsetDateTime>> {
    let row = sqlx::query!(
        "UPDATE webhook_endpoint
        SET failures = $2,
            failing_since = CASE WHEN $2 = 0 THEN NULL ELSE COALESCE(failing_since, $3) END,
            wait_until = $4
        WHERE id = $1
        RETURNING failing_since",
        id,
        failures,
        now,
        wait_until,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.and_then(|row| row.failing_since))
}
