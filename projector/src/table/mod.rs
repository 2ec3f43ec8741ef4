//! The tables: what a row holds, how rows are read, and how many are written at once.
//!
//! Every write is one statement over `UNNEST`ed columns. Each key comes at most once in it, or `ON CONFLICT` would refuse.

pub(crate) mod admission;
pub(crate) mod agent;
pub(crate) mod dead_letter;
pub(crate) mod event;
pub(crate) mod link;
pub(crate) mod pruned;
pub(crate) mod question;
pub(crate) mod read_mark;
pub(crate) mod receipt;
pub(crate) mod scheduled;
pub(crate) mod session;
pub(crate) mod sums;
pub(crate) mod unread;

use nats::Shard;
use sqlx::PgConnection;

/// Deletes every row of a shard.
pub(crate) async fn delete_rows(connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
    sqlx::query!(
        "WITH agents AS (DELETE FROM agent WHERE shard = $1),
            keys AS (DELETE FROM agent_key WHERE shard = $1),
            links AS (DELETE FROM link WHERE shard = $1),
            sessions AS (DELETE FROM session WHERE shard = $1),
            admissions AS (DELETE FROM admission WHERE shard = $1),
            questions AS (DELETE FROM question WHERE shard = $1),
            read_marks AS (DELETE FROM read_mark WHERE shard = $1),
            receipts AS (DELETE FROM receipt WHERE shard = $1),
            unread_sessions AS (DELETE FROM unread WHERE shard = $1),
            token_keys AS (DELETE FROM token_key WHERE shard = $1),
            events AS (DELETE FROM event WHERE shard = $1),
            dead_letters AS (DELETE FROM dead_letter WHERE shard = $1),
            session_sums AS (DELETE FROM session_sum WHERE shard = $1),
            session_durations AS (DELETE FROM session_duration WHERE shard = $1),
            link_sums AS (DELETE FROM link_sum WHERE shard = $1)
        DELETE FROM scheduled
        WHERE shard = $1",
        i32::from(shard.0),
    )
    .execute(connection)
    .await?;
    Ok(())
}
