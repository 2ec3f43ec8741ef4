//! Table `read_mark`.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// A row of `read_mark`; the chatter has no key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReadMarkRow {
    pub(crate) session: Uuid,
    pub(crate) key: Option<Uuid>,
    pub(crate) agent: Uuid,
    pub(crate) link: Uuid,
    pub(crate) shard: i32,
    pub(crate) upto: i64,
    pub(crate) at: OffsetDateTime,
    pub(crate) sequence: i64,
}

pub(crate) async fn save(connection: &mut PgConnection, rows: &[&ReadMarkRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO read_mark (session, key, agent, link, shard, upto, at, sequence)
        SELECT *
        FROM UNNEST($1::UUID[], $2::UUID[], $3::UUID[], $4::UUID[], $5::INTEGER[], $6::BIGINT[], $7::TIMESTAMPTZ[], $8::BIGINT[])
        ON CONFLICT (session, key) DO UPDATE
        SET upto = excluded.upto,
            at = excluded.at,
            sequence = excluded.sequence
        WHERE read_mark.sequence < excluded.sequence",
        &column(rows, |row| row.session),
        &column(rows, |row| row.key) as &[Option<Uuid>],
        &column(rows, |row| row.agent),
        &column(rows, |row| row.link),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.upto),
        &column(rows, |row| row.at),
        &column(rows, |row| row.sequence),
    )
    .execute(connection)
    .await?;
    Ok(())
}
