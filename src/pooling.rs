//! Poolers between us and PostgreSQL that give every transaction another connection: what is prepared on one is unknown on the next.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection, Row};
use tokio::time::timeout;

/// How long the look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a mark is looked for: a pooler may also give the same connection again.
const LOOKS: usize = 3;
/// A mark that only the connection has which sets it.
const MARKS: &str = "SELECT set_config('tempchat.connection', pg_backend_pid() || ' at ' || clock_timestamp(), false)";
const MARK: &str = "SELECT coalesce(current_setting('tempchat.connection', true), '')";
const REFUSED: &str = "PostgreSQL is behind a pooler that gives every transaction another connection (PgBouncer with pool_mode = transaction or \
     statement): statements that are prepared on one are unknown on the next. Set pool_mode = session for this database, or let DATABASE_URL \
     name PostgreSQL itself";

/// Refuses connections that are others' between our transactions: while one holds what it was given, a second would lose its marks, or meet those
/// of the first.
pub(crate) async fn refuse_shared_connections(options: &PgConnectOptions) -> Result<()> {
    let mut one = PgConnection::connect_with(options).await?;
    let Ok(looked) = timeout(PATIENCE, look(&mut one, options)).await else {
        bail!(
            "PostgreSQL gave no second connection within {} s: is max_connections, or the pool_size of a pooler, large enough?",
            PATIENCE.as_secs()
        );
    };
    let is_shared = looked?;
    // Where it is shared, others get it.
    let _best_effort = sqlx::raw_sql("RESET tempchat.connection").execute(&mut one).await;
    let _closed = one.close().await;
    ensure!(!is_shared, REFUSED);
    Ok(())
}

async fn look(one: &mut PgConnection, options: &PgConnectOptions) -> Result<bool> {
    let mut other = PgConnection::connect_with(options).await?;
    let mut is_shared = false;
    for _ in 0..LOOKS {
        let mark = text(one, MARKS).await?;
        if sqlx::raw_sql("BEGIN").execute(&mut other).await.is_err() {
            // Of statements alone.
            is_shared = true;
            break;
        }
        is_shared = text(&mut other, MARK).await? == mark || text(one, MARK).await? != mark;
        sqlx::raw_sql("ROLLBACK").execute(&mut other).await?;
        if is_shared {
            break;
        }
    }
    let _closed = other.close().await;
    Ok(is_shared)
}

async fn text(connection: &mut PgConnection, query: &'static str) -> Result<String> {
    // Simple queries: nothing is prepared for them.
    Ok(sqlx::raw_sql(query).fetch_one(connection).await?.try_get(0)?)
}
