//! Table `event`.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// A row of `event`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EventRow {
    pub(crate) shard: i32,
    pub(crate) sequence: i64,
    pub(crate) index: i32,
    pub(crate) agent: Uuid,
    pub(crate) link: Option<Uuid>,
    pub(crate) session: Option<Uuid>,
    pub(crate) at: OffsetDateTime,
    pub(crate) kind: &'static str,
    pub(crate) actor: &'static str,
    pub(crate) key: Option<Uuid>,
    pub(crate) command: Uuid,
    pub(crate) body: Vec<u8>,
}

/// Adds events; those that stand there already are the same.
pub(crate) async fn save(connection: &mut PgConnection, rows: &[EventRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO event (shard, sequence, index, agent, link, session, at, type, actor, key, command, body)
        SELECT *
        FROM UNNEST(
            $1::INTEGER[], $2::BIGINT[], $3::INTEGER[], $4::UUID[], $5::UUID[], $6::UUID[], $7::TIMESTAMPTZ[], $8::TEXT[], $9::TEXT[],
            $10::UUID[], $11::UUID[], $12::BYTEA[]
        )
        ON CONFLICT (shard, sequence, index) DO NOTHING",
        &column(rows, |row| row.shard),
        &column(rows, |row| row.sequence),
        &column(rows, |row| row.index),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.link) as &[Option<Uuid>],
        &column(rows, |row| row.session) as &[Option<Uuid>],
        &column(rows, |row| row.at),
        &column(rows, |row| row.kind) as &[&str],
        &column(rows, |row| row.actor) as &[&str],
        &column(rows, |row| row.key) as &[Option<Uuid>],
        &column(rows, |row| row.command),
        &rows.iter().map(|row| row.body.as_slice()).collect::<Vec<_>>() as &[&[u8]],
    )
    .execute(connection)
    .await?;
    Ok(())
}
