//! Makes a rebuild of a shard's rows and the pruning of what they name exclude each other, until the transaction ends.

use nats::Shard;
use sqlx::PgConnection;

/// The class of our advisory locks; the shard is the lock.
const CLASS: i32 = 0x7072_756e;

/// Waits for the lock of a shard.
pub(crate) async fn wait(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
    sqlx::query!("SELECT pg_advisory_xact_lock($1, $2)", CLASS, i32::from(shard.0)).fetch_one(connection).await?;
    Ok(())
}

/// Takes the lock of a shard if it is free.
pub async fn try_take(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<bool> {
    let taken = sqlx::query_scalar!("SELECT pg_try_advisory_xact_lock($1, $2)", CLASS, i32::from(shard.0));
    Ok(taken.fetch_one(connection).await?.unwrap_or(false))
}
