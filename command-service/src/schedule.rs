//! What an operator may ask and do about scheduled commands beside a running installation.

use domain::{AgentId, LinkId, SessionId, Target, Timestamp};
use sqlx::PgPool;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::clock;
use crate::worker::scheduled::{begin, moment};

/// Which scheduled commands are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those that failed for good.
    pub dead: bool,
    /// Only those of this agent.
    pub agent: Option<AgentId>,
    /// Only those of this link and its sessions.
    pub link: Option<LinkId>,
    /// Only those of this session.
    pub session: Option<SessionId>,
}

/// A scheduled command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledCommand {
    /// The link or session that it is for.
    pub target: Target,
    /// What it is for, as the table spells it: `expire`, `erase`.
    pub purpose: String,
    /// Whose it is.
    pub agent: AgentId,
    /// The link, or the session's link.
    pub link: LinkId,
    /// When it falls due; of one that failed, when it is tried next.
    pub due_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// What came of the last try.
    pub last_error: Option<String>,
    /// Since when it is a dead letter. Erasures are tried again all the same, the others by command only.
    pub dead_at: Option<Timestamp>,
}

/// Scheduled commands in their order: the dead ones first, then by when they fall due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// The first of them.
    pub commands: Vec<ScheduledCommand>,
    /// Whether there are more than were asked for.
    pub has_more: bool,
}

/// Which dead commands are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry<'a> {
    /// All that there are.
    All,
    /// All of these links and sessions; none unless each of them has one.
    Of(&'a [Target]),
}

/// Why scheduled commands were not listed or tried again.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// A link or session has no dead command.
    #[error("{} has no scheduled command that failed for good; `tempchat schedule list --dead` names those that have", id(.0))]
    NotDead(Target),
    /// The rows could not be read or written.
    #[error("the scheduled commands cannot be read: {0}")]
    Postgres(#[from] sqlx::Error),
}

struct Row {
    target_kind: String,
    target: Uuid,
    purpose: String,
    agent: Uuid,
    link: Uuid,
    due_at: OffsetDateTime,
    attempts: i32,
    last_error: Option<String>,
    dead_at: Option<OffsetDateTime>,
}

/// Lists scheduled commands, at most `limit`.
pub async fn list(pool: &PgPool, filter: Filter, limit: u32) -> Result<Schedule, ScheduleError> {
    let mut transaction = begin(pool).await?;
    let mut rows = sqlx::query_as!(
        Row,
        "SELECT target_kind, target, purpose, agent, link, due_at, attempts, last_error, dead_at
        FROM scheduled
        WHERE (NOT $1 OR dead_at IS NOT NULL)
            AND ($2::UUID IS NULL OR agent = $2)
            AND ($3::UUID IS NULL OR link = $3)
            AND ($4::UUID IS NULL OR (target_kind = 'session' AND target = $4))
        ORDER BY dead_at IS NULL, due_at, target, purpose
        LIMIT $5",
        filter.dead,
        filter.agent.map(|agent| uuid(agent.bytes())),
        filter.link.map(|link| uuid(link.bytes())),
        filter.session.map(|session| uuid(session.bytes())),
        i64::from(limit) + 1,
    )
    .fetch_all(&mut *transaction)
    .await?;
    transaction.commit().await?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > most;
    rows.truncate(most);
    Ok(Schedule { commands: rows.into_iter().map(ScheduledCommand::from).collect(), has_more })
}

/// Brings dead commands to life again: due now, with all their attempts before them. Returns which.
pub async fn retry(pool: &PgPool, which: Retry<'_>) -> Result<Vec<ScheduledCommand>, ScheduleError> {
    let targets = match which {
        Retry::All => None,
        Retry::Of(targets) => Some(targets.iter().map(|target| uuid(bytes(target))).collect::<Vec<_>>()),
    };
    let mut transaction = begin(pool).await?;
    // A lease stays: the worker that tries a dead erasure at this moment settles it.
    let rows = sqlx::query_as!(
        Row,
        "UPDATE scheduled
        SET attempts = 0, due_at = $2, dead_at = NULL
        WHERE dead_at IS NOT NULL AND ($1::UUID[] IS NULL OR target = ANY ($1))
        RETURNING target_kind, target, purpose, agent, link, due_at, attempts, last_error, dead_at",
        targets.as_deref(),
        moment(clock::now()),
    )
    .fetch_all(&mut *transaction)
    .await?;
    let retried: Vec<ScheduledCommand> = rows.into_iter().map(ScheduledCommand::from).collect();
    if let Retry::Of(targets) = which
        && let Some(unknown) = targets.iter().find(|target| retried.iter().all(|command| command.target != **target))
    {
        transaction.rollback().await?;
        return Err(ScheduleError::NotDead(*unknown));
    }
    transaction.commit().await?;
    Ok(retried)
}

impl From<Row> for ScheduledCommand {
    fn from(row: Row) -> Self {
        let target = row.target.into_bytes();
        Self {
            target: match row.target_kind.as_str() {
                "link" => Target::Link(LinkId::new(target)),
                _ => Target::Session(SessionId::new(target)),
            },
            purpose: row.purpose,
            agent: AgentId::new(row.agent.into_bytes()),
            link: LinkId::new(row.link.into_bytes()),
            due_at: timestamp(row.due_at),
            attempts: u32::try_from(row.attempts).unwrap_or_default(),
            last_error: row.last_error,
            dead_at: row.dead_at.map(timestamp),
        }
    }
}

fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp(i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX))
}

fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

fn bytes(target: &Target) -> &[u8; 16] {
    match target {
        // No command is scheduled for an agent.
        Target::Agent => &[0; 16],
        Target::Link(link) => link.bytes(),
        Target::Session(session) => session.bytes(),
    }
}

/// Writes the id of a link or session.
fn id(target: &Target) -> String {
    match target {
        Target::Agent => "an agent".to_owned(),
        Target::Link(link) => link.to_string(),
        Target::Session(session) => session.to_string(),
    }
}
