//! Table `dead_letter`: commits that this version does not know how to read.

use sqlx::PgConnection;
use sqlx::types::Uuid;

/// A row of `dead_letter`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeadLetterRow {
    pub(crate) shard: i32,
    pub(crate) sequence: i64,
    pub(crate) agent: Uuid,
    pub(crate) target_kind: &'static str,
    pub(crate) target: Uuid,
    pub(crate) types: String,
}

/// Adds one: they are rare.
pub(crate) async fn save(connection: &mut PgConnection, row: &DeadLetterRow) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO dead_letter (shard, sequence, agent, target_kind, target, types)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (shard, sequence) DO NOTHING",
        row.shard,
        row.sequence,
        row.agent,
        row.target_kind,
        row.target,
        row.types,
    )
    .execute(connection)
    .await?;
    Ok(())
}
