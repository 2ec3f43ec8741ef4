//! The only module that begins transactions: each gets a role, so that every row is read under a row-level policy.

use domain::{AgentId, LinkId, SessionId};
use nats::{Backbone, Shard};
use sqlx::{PgPool, Postgres, Transaction};

use crate::Error;
use crate::columns::{sequence, uuid};

/// Begins a snapshot as a role.
///
/// Every read starts from few rows of one owner, found by an index, and looks up the rest by key: a plan that reads a table of all owners
/// is never right, but without statistics PostgreSQL would choose one, so such plans are ruled out. Plans are made for the tables as they
/// are, and not kept: one that was made while they were empty takes any index for as good as any other, until they are analyzed.
/// Compiling statements takes longer than any of them.
macro_rules! begin_as {
    ($role:literal) => {
        concat!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE ",
            $role,
            "; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off; ",
            "SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off; SET LOCAL enable_memoize = off; SET LOCAL plan_cache_mode = force_custom_plan; ",
            "SET LOCAL jit = off"
        )
    };
}

/// The viewer of rows; decides which rows and columns are visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Viewer {
    /// An agent: all of its own rows.
    Agent(AgentId),
    /// An agent by a key that is limited to one link: that link with its sessions.
    OnLink(AgentId, LinkId),
    /// A chatter: one session, and what the page shows of its link and agent.
    Session(AgentId, SessionId),
}

impl Viewer {
    /// Returns the agent that owns all visible rows.
    pub fn agent(self) -> AgentId {
        match self {
            Self::Agent(agent) | Self::OnLink(agent, _) | Self::Session(agent, _) => agent,
        }
    }

    fn session(self) -> Option<SessionId> {
        match self {
            Self::Agent(_) | Self::OnLink(..) => None,
            Self::Session(_, session) => Some(session),
        }
    }

    /// Returns the only link whose rows are visible, where there is one.
    pub(crate) fn link(self) -> Option<LinkId> {
        match self {
            Self::OnLink(_, link) => Some(link),
            Self::Agent(_) | Self::Session(..) => None,
        }
    }

    /// Returns the statement that begins the transaction, sets the role and bounds the planner in one round trip; all later statements
    /// see one snapshot.
    fn begin(self) -> &'static str {
        match self {
            Self::Agent(_) | Self::OnLink(..) => begin_as!("tempchat_agent_reader"),
            Self::Session(..) => begin_as!("tempchat_session_reader"),
        }
    }
}

impl From<AgentId> for Viewer {
    fn from(agent: AgentId) -> Self {
        Self::Agent(agent)
    }
}

/// A snapshot of the rows as one viewer sees them.
pub(crate) struct View {
    pub(crate) transaction: Transaction<'static, Postgres>,
    /// The agent's shard.
    pub(crate) shard: Shard,
    /// The last commit of the shard that the rows include; 0 where the rows are of another log.
    pub(crate) reached: u64,
}

impl View {
    /// Begins a snapshot.
    pub(crate) async fn begin(pool: &PgPool, backbone: &Backbone, viewer: Viewer) -> Result<Self, Error> {
        let shard = backbone.shard_of(viewer.agent());
        let link = viewer.link().map(|link| uuid(link.bytes()).to_string());
        let session = viewer.session().map(|session| uuid(session.bytes()).to_string());
        let mut transaction = pool.begin_with(viewer.begin()).await?;
        let reached = sqlx::query_scalar!(
            "SELECT (SELECT sequence FROM checkpoint WHERE projection = 'rows' AND shard = $1 AND epoch = $2)
             FROM set_config('app.agent', $3, true) AS agent, set_config('app.link', $4, true) AS link,
                set_config('app.session', $5, true) AS session",
            i32::from(shard.0),
            &backbone.epoch(shard).0,
            uuid(viewer.agent().bytes()).to_string(),
            link.unwrap_or_default(),
            session.unwrap_or_default(),
        )
        .fetch_one(&mut *transaction)
        .await?;
        Ok(Self { transaction, shard, reached: reached.map_or(0, sequence) })
    }

    /// Ends the transaction and returns the connection.
    pub(crate) async fn end(self) -> Result<(), Error> {
        Ok(self.transaction.commit().await?)
    }
}

/// Begins a snapshot of everything, for the operator.
pub(crate) async fn operator(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Error> {
    Ok(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL ROLE tempchat_writer").await?)
}

/// Begins a look at how far the rows are, which is no secret.
pub(crate) async fn freshness(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Error> {
    Ok(pool.begin_with("BEGIN READ ONLY; SET LOCAL ROLE tempchat_agent_reader").await?)
}

/// Begins a transaction that writes what gateways record.
pub(crate) async fn notes(pool: &PgPool) -> Result<Transaction<'static, Postgres>, Error> {
    Ok(pool.begin_with("BEGIN; SET LOCAL ROLE tempchat_writer").await?)
}
