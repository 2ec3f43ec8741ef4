//! What is made of the log.

use nats::{Recorded, RecordedPruning, Shard, Unknown};
use sqlx::{PgConnection, PgPool, PgTransaction};

/// Rows made of a shard's commits. Every method writes within the transaction of the checkpoint.
pub trait Projection: Clone + Send + Sync + 'static {
    /// Its name in table `checkpoint`; a stored name, never changed.
    const NAME: &'static str;
    /// How it is called where operators read of it.
    const LABELS: Labels;
    /// What [`Self::committed`] is told of a transaction.
    type Written: Send;

    /// Applies commits, in the log's order; applied twice they give the same rows.
    fn apply(&self, connection: &mut PgConnection, batch: Batch<'_>) -> impl Future<Output = sqlx::Result<Self::Written>> + Send;

    /// Notes a commit of a newer version, which is passed over.
    fn unknown(&self, connection: &mut PgConnection, unknown: &Unknown) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Takes in that links and sessions were pruned: their rows go. When rows are made again, this is all that comes of them.
    fn pruned(&self, connection: &mut PgConnection, record: &RecordedPruning) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Deletes all that was made of a shard.
    fn clear(&self, connection: &mut PgConnection, shard: Shard) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Acts on what a committed transaction has written.
    fn committed(&self, written: Self::Written);
}

/// Commits that are applied at once.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Their shard.
    pub shard: Shard,
    /// The commits, at least one.
    pub commits: &'a [Recorded],
    /// Where the log ended when the rows were begun from nothing.
    pub held_until: u64,
}

/// How a projection is called in log lines and metrics.
#[derive(Debug, Clone, Copy)]
pub struct Labels {
    /// Its rows, within an error: "the rows".
    pub rows: &'static str,
    /// The log line of a failure that may pass by itself.
    pub tries_again: &'static str,
    /// The log line of one that does not.
    pub has_stopped: &'static str,
    /// The gauge of the last commit applied, by shard.
    pub position: &'static str,
    /// The gauge of the commits between the rows and the log's end, by shard, where it is measured.
    pub lag: Option<&'static str>,
}

/// Begins a transaction that may write every row.
///
/// It does not wait for the disk: a power cut takes back the last transactions whole, checkpoint and all, and the log tells them again.
///
/// Its plans are forced as readers' are (`query-service/src/role.rs`): every statement finds its rows by key, by an index, whatever
/// statistics there are. Without that it is PostgreSQL's guess whether a table of all that was is read to find one row of it. Plans are
/// not kept: one from when the tables were empty would be used for ever.
pub async fn begin(pool: &PgPool) -> sqlx::Result<PgTransaction<'static>> {
    let begin = "BEGIN; SET LOCAL ROLE tempchat_writer; SET LOCAL synchronous_commit = off; SET LOCAL enable_seqscan = off; \
        SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
        SET LOCAL enable_material = off; SET LOCAL enable_memoize = off; SET LOCAL plan_cache_mode = force_custom_plan; \
        SET LOCAL jit = off";
    pool.begin_with(begin).await
}
