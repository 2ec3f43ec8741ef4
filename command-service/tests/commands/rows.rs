//! Rows as the projector writes them: what falls due, and how far the projection has come.

use command_service::{Commands, worker};
use domain::{AgentId, LinkId, Millis, Target};
use nats::Backbone;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::world::until;

#[derive(Clone)]
pub(crate) struct Rows {
    pub(crate) pool: PgPool,
}

/// A row as a test looks at it.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) version: i64,
    /// Milliseconds from now.
    pub(crate) due_in: i64,
    pub(crate) is_leased: bool,
    pub(crate) attempts: i32,
    pub(crate) last_error: Option<String>,
    pub(crate) is_dead: bool,
}

/// A worker that runs until it is told to stop.
pub(crate) struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

impl Rows {
    /// Makes a database with the schema in the one server that all tests share.
    pub(crate) async fn new() -> Self {
        Self { pool: testbed::database().await }
    }

    pub(crate) async fn sql(&self, statement: impl Into<String>) {
        sqlx::raw_sql(AssertSqlSafe(statement.into())).execute(&self.pool).await.unwrap();
    }

    /// Says that the projection of every shard has reached the log's end.
    pub(crate) async fn caught_up(&self, backbone: &Backbone) {
        for shard in backbone.shards() {
            let (epoch, nothing) = (backbone.epoch(shard), "00".repeat(32));
            let end = backbone.end(shard).await.unwrap();
            self.sql(format!(
                "INSERT INTO checkpoint (projection, shard, epoch, sequence, running_hash, previous_hash, held_until, hash_format)
                VALUES ('rows', {shard}, '\\x{epoch}', {end}, '\\x{nothing}', '\\x{nothing}', 0, 2)
                ON CONFLICT (projection, shard) DO UPDATE SET sequence = excluded.sequence"
            ))
            .await;
        }
    }

    /// Schedules `purpose` for a session, or for the link itself, due `left` from now.
    pub(crate) async fn schedule(&self, backbone: &Backbone, at: (AgentId, LinkId), target: Target, purpose: &str, left: Millis) {
        let (agent, link) = (uuid(at.0.bytes()), uuid(at.1.bytes()));
        let (kind, target) = match target {
            Target::Session(session) => ("session", uuid(session.bytes())),
            Target::Link(_) | Target::Agent => ("link", link),
        };
        let (shard, left) = (backbone.shard_of(at.0), left.0);
        self.sql(format!(
            "INSERT INTO scheduled (target_kind, target, purpose, agent, link, shard, due_at, version)
            VALUES ('{kind}', '{target}', '{purpose}', '{agent}', '{link}', {shard}, now() + INTERVAL '{left} milliseconds', 1)"
        ))
        .await;
    }

    pub(crate) async fn row(&self, target: &[u8; 16], purpose: &str) -> Option<Row> {
        sqlx::query_as(
            "SELECT version, (extract(epoch FROM due_at - now()) * 1000)::BIGINT AS due_in, lease_until IS NOT NULL AS is_leased,
                attempts, last_error, dead_at IS NOT NULL AS is_dead
            FROM scheduled
            WHERE target = $1 AND purpose = $2",
        )
        .bind(uuid(target))
        .bind(purpose)
        .fetch_optional(&self.pool)
        .await
        .unwrap()
    }

    /// Waits until nothing is left to do.
    pub(crate) async fn done(&self, target: &[u8; 16], purpose: &str) {
        until(purpose, async || self.row(target, purpose).await.is_none().then_some(())).await;
    }

    pub(crate) fn worker(&self, commands: &Commands) -> Running {
        let stop = CancellationToken::new();
        let task = tokio::spawn(worker::run(commands.clone(), self.pool.clone(), stop.clone()));
        Running { stop, task }
    }
}

pub(crate) fn uuid(id: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*id)
}
