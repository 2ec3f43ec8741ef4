//! The read models as a projection: kept up with the log, or made again from it.

use domain::Target;
use follower::{Batch, Error, Follower, Id, Labels, Projection, Rebuilt, signed};
use nats::{Backbone, RecordedPruning, Shard, Unknown};
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use crate::batch;
use crate::table::dead_letter::DeadLetterRow;
use crate::table::{self, dead_letter, pruned};

/// The rows of all shards.
#[derive(Debug, Clone, Copy)]
pub struct Projector;

impl Projector {
    /// Keeps all shards' rows up with the log until `shutdown`.
    pub fn start(backbone: &Backbone, pool: &PgPool, shutdown: &CancellationToken) -> Follower {
        Follower::start(&Self, backbone, pool, shutdown)
    }
}

/// Deletes a shard's rows and makes them again, up to where its log ended when this began; returns how many commits that were.
///
/// Until the rows have come to that end, the shard's scheduled commands wait: nothing is fired for a fact that a later one takes back.
/// Readers meanwhile are told that the rows are behind. `progress` is told after every batch.
pub async fn rebuild(backbone: &Backbone, pool: &PgPool, shard: Shard, progress: impl FnMut(Rebuilt)) -> Result<u64, Error> {
    follower::rebuild(&Projector, backbone, pool, shard, progress).await
}

impl Projection for Projector {
    const NAME: &'static str = "rows";
    const LABELS: Labels = Labels {
        rows: "the rows",
        tries_again: "the projection tries again",
        has_stopped: "the projection has stopped",
        position: "projector_position",
        lag: Some("projector_lag"),
    };
    type Written = ();

    async fn apply(&self, connection: &mut PgConnection, batch: Batch<'_>) -> sqlx::Result<()> {
        batch::write(connection, batch.commits).await
    }

    async fn unknown(&self, connection: &mut PgConnection, unknown: &Unknown) -> sqlx::Result<()> {
        let shard = unknown.shard;
        tracing::warn!(%shard, sequence = unknown.sequence, types = unknown.types, "a commit of a newer version is passed over");
        metrics::counter!("projector_dead_letters", "shard" => shard.to_string()).increment(1);
        let (target_kind, target) = match unknown.address.target {
            Target::Agent => ("agent", unknown.address.agent.column()),
            Target::Link(link) => ("link", link.column()),
            Target::Session(session) => ("session", session.column()),
        };
        let letter = DeadLetterRow {
            shard: i32::from(shard.0),
            sequence: signed(unknown.sequence),
            agent: unknown.address.agent.column(),
            target_kind,
            target,
            types: unknown.types.clone(),
        };
        dead_letter::save(connection, &letter).await
    }

    async fn pruned(&self, connection: &mut PgConnection, record: &RecordedPruning) -> sqlx::Result<()> {
        pruned::write(connection, record).await
    }

    async fn clear(&self, connection: &mut PgConnection, shard: Shard) -> sqlx::Result<()> {
        table::delete_rows(connection, shard).await
    }

    fn committed(&self, (): ()) {}
}
