//! Erased links that can be pruned.

use domain::{AgentId, LinkId, Timestamp};
use follower::{moment, signed, unsigned};
use nats::{Epoch, Shard};
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::Error;

/// A link that was erased long ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) agent: AgentId,
    pub(crate) link: LinkId,
    pub(crate) opened_at: OffsetDateTime,
}

/// Finds links of a shard that were erased before `until`, within what all its readers have `reached`, the longest erased first.
///
/// A link whose sessions are not all erased waits for them.
pub(crate) async fn find(
    connection: &mut PgConnection,
    shard: Shard,
    until: Timestamp,
    reached: u64,
    limit: i64,
) -> Result<Vec<Candidate>, Error> {
    let rows = sqlx::query!(
        "SELECT id, agent, opened_at
        FROM link
        WHERE shard = $1
        AND erased_at <= $2
        AND sequence <= $3
        AND NOT EXISTS (
            SELECT
            FROM session
            WHERE session.agent = link.agent
            AND session.link = link.id
            AND (session.status <> 'erased' OR session.sequence > $3)
        )
        ORDER BY erased_at
        LIMIT $4",
        i32::from(shard.0),
        moment(until),
        signed(reached),
        limit,
    )
    .fetch_all(connection)
    .await?;
    let candidates = rows.into_iter().map(|row| Candidate {
        agent: AgentId::new(row.agent.into_bytes()),
        link: LinkId::new(row.id.into_bytes()),
        opened_at: row.opened_at,
    });
    Ok(candidates.collect())
}

/// What follows a shard and has come the least far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slowest {
    /// Its stored name.
    pub(crate) projection: String,
    /// The last commit that it has read; 0 where it was not taken over yet, or follows another log.
    pub(crate) reached: u64,
}

/// Finds what follows a shard and has come the least far: what that has not read cannot go.
pub(crate) async fn slowest(connection: &mut PgConnection, shard: Shard, epoch: Epoch) -> Result<Option<Slowest>, Error> {
    let row = sqlx::query!(
        r#"SELECT projection, CASE WHEN epoch = $2 AND hash_format = 2 THEN sequence ELSE 0 END AS "reached!"
        FROM checkpoint
        WHERE shard = $1
        ORDER BY 2
        LIMIT 1"#,
        i32::from(shard.0),
        &epoch.0,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| Slowest { projection: row.projection, reached: unsigned(row.reached) }))
}

/// Tells whether a link of a shard was erased before `until` by a commit after `reached`, which not every projection has read.
pub(crate) async fn is_any_beyond(
    connection: &mut PgConnection,
    shard: Shard,
    until: Timestamp,
    reached: u64,
) -> Result<bool, Error> {
    let is_any = sqlx::query_scalar!(
        r#"SELECT EXISTS (SELECT FROM link WHERE shard = $1 AND erased_at <= $2 AND sequence > $3) AS "is_any!""#,
        i32::from(shard.0),
        moment(until),
        signed(reached),
    )
    .fetch_one(connection)
    .await?;
    Ok(is_any)
}

/// Counts the links that were erased before `until`, and returns when the longest erased of them was.
pub(crate) async fn count(connection: &mut PgConnection, until: Timestamp) -> Result<(u64, Option<OffsetDateTime>), Error> {
    let row =
        sqlx::query!(r#"SELECT count(*) AS "links!", min(erased_at) AS oldest FROM link WHERE erased_at <= $1"#, moment(until))
            .fetch_one(connection)
            .await?;
    Ok((unsigned(row.links), row.oldest))
}
