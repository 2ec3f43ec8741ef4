//! Tables `agent` and `agent_key`.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// A row of `agent`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AgentRow {
    pub(crate) id: Uuid,
    pub(crate) shard: i32,
    pub(crate) name: String,
    pub(crate) registered_at: OffsetDateTime,
    pub(crate) webhook_url: Option<String>,
    pub(crate) webhook_with_text: Option<bool>,
    pub(crate) webhook_rotation: Option<i64>,
    pub(crate) sequence: i64,
}

/// A row of `agent_key`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyRow {
    pub(crate) id: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) shard: i32,
    pub(crate) name: String,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) link: Option<Uuid>,
    pub(crate) issued_at: OffsetDateTime,
    pub(crate) expires_at: Option<OffsetDateTime>,
    pub(crate) rotated_at: Option<OffsetDateTime>,
    pub(crate) overlap_until: Option<OffsetDateTime>,
    pub(crate) revoked_at: Option<OffsetDateTime>,
    pub(crate) sequence: i64,
}

pub(crate) async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<AgentRow>> {
    sqlx::query_as!(
        AgentRow,
        "SELECT id, shard, name, registered_at, webhook_url, webhook_with_text, webhook_rotation, sequence
        FROM agent
        WHERE id = ANY($1)",
        ids,
    )
    .fetch_all(connection)
    .await
}

pub(crate) async fn load_keys(connection: &mut PgConnection, agents: &[Uuid]) -> sqlx::Result<Vec<KeyRow>> {
    sqlx::query_as!(
        KeyRow,
        "SELECT id, agent, shard, name, scopes, link, issued_at, expires_at, rotated_at, overlap_until, revoked_at, sequence
        FROM agent_key
        WHERE agent = ANY($1)",
        agents,
    )
    .fetch_all(connection)
    .await
}

pub(crate) async fn save(connection: &mut PgConnection, rows: &[&AgentRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO agent (id, shard, name, registered_at, webhook_url, webhook_with_text, webhook_rotation, sequence)
        SELECT *
        FROM UNNEST($1::UUID[], $2::INTEGER[], $3::TEXT[], $4::TIMESTAMPTZ[], $5::TEXT[], $6::BOOLEAN[], $7::BIGINT[], $8::BIGINT[])
        ON CONFLICT (id) DO UPDATE
        SET name = excluded.name,
            webhook_url = excluded.webhook_url,
            webhook_with_text = excluded.webhook_with_text,
            webhook_rotation = excluded.webhook_rotation,
            sequence = excluded.sequence",
        &column(rows, |row| row.id),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.name.clone()),
        &column(rows, |row| row.registered_at),
        &column(rows, |row| row.webhook_url.clone()) as &[Option<String>],
        &column(rows, |row| row.webhook_with_text) as &[Option<bool>],
        &column(rows, |row| row.webhook_rotation) as &[Option<i64>],
        &column(rows, |row| row.sequence),
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub(crate) async fn save_keys(connection: &mut PgConnection, rows: &[&KeyRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO agent_key (
            id, agent, shard, name, scopes, link, issued_at, expires_at, rotated_at, overlap_until, revoked_at, sequence
        )
        SELECT id, agent, shard, name, string_to_array(scopes, ' '), link, issued_at, expires_at, rotated_at, overlap_until, revoked_at, sequence
        FROM UNNEST(
            $1::UUID[], $2::UUID[], $3::INTEGER[], $4::TEXT[], $5::TEXT[], $6::UUID[], $7::TIMESTAMPTZ[], $8::TIMESTAMPTZ[],
            $9::TIMESTAMPTZ[], $10::TIMESTAMPTZ[], $11::TIMESTAMPTZ[], $12::BIGINT[]
        ) AS new (id, agent, shard, name, scopes, link, issued_at, expires_at, rotated_at, overlap_until, revoked_at, sequence)
        ON CONFLICT (id) DO UPDATE
        SET name = excluded.name,
            scopes = excluded.scopes,
            link = excluded.link,
            issued_at = excluded.issued_at,
            expires_at = excluded.expires_at,
            rotated_at = excluded.rotated_at,
            overlap_until = excluded.overlap_until,
            revoked_at = excluded.revoked_at,
            sequence = excluded.sequence",
        &column(rows, |row| row.id),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.name.clone()),
        // UNNEST would flatten lists of lists.
        &column(rows, |row| row.scopes.as_ref().map(|scopes| scopes.join(" "))) as &[Option<String>],
        &column(rows, |row| row.link) as &[Option<Uuid>],
        &column(rows, |row| row.issued_at),
        &column(rows, |row| row.expires_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.rotated_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.overlap_until) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.revoked_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.sequence),
    )
    .execute(connection)
    .await?;
    Ok(())
}
