//! The SQL schema, embedded: tables, roles and who sees what. The files in `sql/` are its documentation.

use sqlx::PgPool;
use sqlx::migrate::{MigrateError, Migrator};

static MIGRATOR: Migrator = sqlx::migrate!("./sql");

/// The oldest PostgreSQL that knows everything the schema uses (`NULLS NOT DISTINCT`).
pub const OLDEST_POSTGRES: i32 = 150_000;

/// The application roles; whoever connects takes one on for a transaction.
pub mod role {
    /// Every row of every table: the projector and the worker.
    pub const WRITER: &str = "tempchat_writer";
    /// The rows of the agent in `app.agent`.
    pub const AGENT_READER: &str = "tempchat_agent_reader";
    /// The session in `app.session` of the agent in `app.agent`, and what its link shows.
    pub const SESSION_READER: &str = "tempchat_session_reader";
    /// The log's order and kinds, no words.
    pub const ANALYST: &str = "tempchat_analyst";
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server is too old.
    #[error("PostgreSQL {found} is too old: 15 or newer is needed")]
    TooOld {
        /// The server's version, as it tells it.
        found: String,
    },
    /// The server could not be asked.
    #[error("PostgreSQL cannot be asked for its version and schema")]
    Version(#[source] sqlx::Error),
    /// The schema is older than this version's, or there is none.
    #[error(
        "the database schema lacks {missing} of {all} steps; start `tempchat up`, or `tempchat serve` of this release, which bring it up to date"
    )]
    Behind {
        /// How many steps it lacks.
        missing: usize,
        /// How many there are.
        all: usize,
    },
    /// The schema is newer than this version's.
    #[error("the database schema has steps that this version does not know (from {first} on); use the newer release")]
    Ahead {
        /// The first of them.
        first: i64,
    },
    /// A step failed, or the database has steps that this version does not know.
    #[error("the database schema cannot be brought up to date")]
    Migrate(#[from] MigrateError),
}

/// Brings the schema up to date; several processes may do so at once.
pub async fn run(pool: &PgPool) -> Result<(), Error> {
    let (number, found): (i32, String) =
        sqlx::query_as("SELECT current_setting('server_version_num')::INTEGER, current_setting('server_version')")
            .fetch_one(pool)
            .await
            .map_err(Error::Version)?;
    if number < OLDEST_POSTGRES {
        return Err(Error::TooOld { found });
    }
    MIGRATOR.run(pool).await?;
    Ok(())
}

/// Tells whether the schema is this version's; nothing is changed, and a step under way is not waited for.
pub async fn check(pool: &PgPool) -> Result<(), Error> {
    let is_there: bool =
        sqlx::query_scalar("SELECT to_regclass('_sqlx_migrations') IS NOT NULL").fetch_one(pool).await.map_err(Error::Version)?;
    let applied: Vec<i64> = if is_there {
        let applied = sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE success");
        applied.fetch_all(pool).await.map_err(Error::Version)?
    } else {
        vec![]
    };
    let known: Vec<i64> = MIGRATOR.iter().map(|step| step.version).collect();
    let missing = known.iter().filter(|version| !applied.contains(version)).count();
    if missing > 0 {
        return Err(Error::Behind { missing, all: known.len() });
    }
    let first = applied.into_iter().filter(|version| !known.contains(version)).min();
    first.map_or(Ok(()), |first| Err(Error::Ahead { first }))
}
