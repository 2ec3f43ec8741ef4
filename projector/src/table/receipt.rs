//! Table `receipt`.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;

/// A row of `receipt`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReceiptRow {
    pub(crate) question: Uuid,
    pub(crate) session: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) link: Uuid,
    pub(crate) shard: i32,
    pub(crate) sequence: i64,
    pub(crate) index: i16,
    pub(crate) running_hash: Vec<u8>,
}

/// Adds receipts; those that stand there already are the same.
pub(crate) async fn save(connection: &mut PgConnection, rows: &[ReceiptRow]) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO receipt (question, session, agent, link, shard, sequence, index, running_hash)
        SELECT *
        FROM UNNEST($1::UUID[], $2::UUID[], $3::UUID[], $4::UUID[], $5::INTEGER[], $6::BIGINT[], $7::SMALLINT[], $8::BYTEA[])
        ON CONFLICT (question) DO NOTHING",
        &column(rows, |row| row.question),
        &column(rows, |row| row.session),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.link),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.sequence),
        &column(rows, |row| row.index),
        &rows.iter().map(|row| row.running_hash.as_slice()).collect::<Vec<_>>() as &[&[u8]],
    )
    .execute(connection)
    .await?;
    Ok(())
}
