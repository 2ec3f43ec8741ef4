//! Table `dead_letter`: commits that this version does not know how to read. Once it does, a rebuild takes them in.

use domain::{AgentId, LinkId, SessionId, Target};
use follower::begin;
use nats::Shard;
use sqlx::types::Uuid;
use sqlx::{PgConnection, PgPool};

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

/// A commit that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOver {
    /// Its shard.
    pub shard: Shard,
    /// Its sequence in the shard.
    pub sequence: u64,
    /// The agent.
    pub agent: AgentId,
    /// The agent's aggregate.
    pub target: Target,
    /// The wire names of its events, separated by commas.
    pub types: String,
}

/// Lists the commits that were passed over, of all agents or of one, at most `limit`.
pub async fn passed_over(pool: &PgPool, agent: Option<AgentId>, limit: u32) -> sqlx::Result<Vec<PassedOver>> {
    let mut transaction = begin(pool).await?;
    let rows = sqlx::query_as!(
        DeadLetter,
        "SELECT shard, sequence, agent, target_kind, target, types
        FROM dead_letter
        WHERE $1::UUID IS NULL OR agent = $1
        ORDER BY shard, sequence
        LIMIT $2",
        agent.map(|agent| Uuid::from_bytes(*agent.bytes())),
        i64::from(limit),
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(rows.into_iter().map(PassedOver::from).collect())
}

struct DeadLetter {
    shard: i32,
    sequence: i64,
    agent: Uuid,
    target_kind: String,
    target: Uuid,
    types: String,
}

impl From<DeadLetter> for PassedOver {
    fn from(row: DeadLetter) -> Self {
        let target = row.target.into_bytes();
        Self {
            shard: Shard(u16::try_from(row.shard).unwrap_or_default()),
            sequence: u64::try_from(row.sequence).unwrap_or_default(),
            agent: AgentId::new(row.agent.into_bytes()),
            target: match row.target_kind.as_str() {
                "link" => Target::Link(LinkId::new(target)),
                "session" => Target::Session(SessionId::new(target)),
                _ => Target::Agent,
            },
            types: row.types,
        }
    }
}
