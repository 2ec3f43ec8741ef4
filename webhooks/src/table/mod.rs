//! The tables of webhooks, and how they are reached.

pub(crate) mod checkpoint;
pub(crate) mod delivery;
pub(crate) mod endpoint;

use domain::{AgentId, LinkId, SessionId, Timestamp};
use sqlx::types::Uuid;
use sqlx::{PgPool, PgTransaction};
use time::OffsetDateTime;

/// Begins a transaction that may write every row of webhooks.
///
/// It does not wait for the disk: after a power cut the log is read again from the last checkpoint, and a call that was made may be made
/// once more, under the same id.
pub(crate) async fn begin(pool: &PgPool) -> sqlx::Result<PgTransaction<'static>> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "SELECT set_config('role', 'tempchat_writer', true) AS role, set_config('synchronous_commit', 'off', true) AS waits_for_disk"
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(transaction)
}

/// An id of 16 bytes.
pub(crate) trait Id {
    /// Returns the same bytes as SQL knows them.
    fn column(&self) -> Uuid;
}

macro_rules! id {
    ($($name:ident),*) => {
        $(impl Id for $name {
            fn column(&self) -> Uuid {
                Uuid::from_bytes(*self.bytes())
            }
        })*
    };
}

id!(AgentId, LinkId, SessionId);

/// Returns a stream sequence as SQL counts.
pub(crate) fn signed(sequence: u64) -> i64 {
    i64::try_from(sequence).expect("a stream's sequence stays below 2^63")
}

/// Returns a stream sequence as the log counts.
pub(crate) fn unsigned(sequence: i64) -> u64 {
    u64::try_from(sequence).expect("the tables hold what the log counted")
}

/// Returns the moment, or the last one that PostgreSQL and every calendar know.
pub(crate) fn moment(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .unwrap_or(time::macros::datetime!(9999-12-31 23:59 UTC))
}
