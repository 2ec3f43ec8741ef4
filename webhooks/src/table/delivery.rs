//! Table `webhook_delivery`: claimed under a lease, and settled by what the endpoint said.

use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// Deliveries that wait for one endpoint, at most; what comes then is dropped and counted.
pub(crate) const QUEUE: i64 = 10_000;
/// Dead letters that are kept of one endpoint, the newest.
const DEAD_LETTERS: i64 = 1_000;

/// Events of one batch on their way to their endpoints, column by column.
#[derive(Debug, Default)]
pub(crate) struct New {
    pub(crate) shard: Vec<i32>,
    pub(crate) sequence: Vec<i64>,
    pub(crate) index: Vec<i32>,
    pub(crate) agent: Vec<Uuid>,
    pub(crate) link: Vec<Uuid>,
    pub(crate) session: Vec<Option<Uuid>>,
    pub(crate) event: Vec<String>,
    pub(crate) kind: Vec<String>,
    pub(crate) thin: Vec<String>,
}

/// A delivery that was claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) shard: i32,
    pub(crate) sequence: i64,
    pub(crate) index: i32,
    pub(crate) session: Option<Uuid>,
    pub(crate) link: Uuid,
    pub(crate) event: String,
    pub(crate) kind: String,
    pub(crate) thin: String,
    pub(crate) since: OffsetDateTime,
    pub(crate) attempts: i32,
}

/// What became of new deliveries.
#[derive(Debug)]
pub(crate) struct Added {
    /// Those that wait now.
    pub(crate) rows: i64,
    /// Those that found no room.
    pub(crate) dropped: i64,
}

/// Hands events to the endpoints they are for, where there is one.
pub(crate) async fn add(connection: &mut PgConnection, new: &New, now: OffsetDateTime) -> sqlx::Result<Added> {
    sqlx::query_as!(
        Added,
        "WITH wanted AS MATERIALIZED (
            SELECT new.*, COALESCE(own.id, general.id) AS endpoint, COALESCE(own.pending, general.pending) AS pending
            FROM UNNEST(
                $1::INTEGER[], $2::BIGINT[], $3::INTEGER[], $4::UUID[], $5::UUID[], $6::UUID[], $7::TEXT[], $8::TEXT[], $9::TEXT[]
            ) AS new (shard, sequence, index, agent, link, session, event, type, thin)
            LEFT JOIN webhook_endpoint AS own ON own.id = new.link
            LEFT JOIN webhook_endpoint AS general ON general.id = new.agent
            WHERE own.id IS NOT NULL OR general.id IS NOT NULL
        ),
        placed AS MATERIALIZED (
            SELECT wanted.*,
                pending + row_number() OVER (PARTITION BY wanted.endpoint ORDER BY wanted.sequence, wanted.index) <= $11 AS has_room
            FROM wanted
        ),
        added AS (
            INSERT INTO webhook_delivery (shard, sequence, index, endpoint, agent, link, session, event, type, thin, since, due_at)
            SELECT shard, sequence, index, endpoint, agent, link, session, event, type, thin, $10, $10
            FROM placed
            WHERE has_room
            ON CONFLICT (shard, sequence, index) DO NOTHING
            RETURNING endpoint
        ),
        lost AS (
            SELECT endpoint, count(*) AS count
            FROM placed
            WHERE NOT has_room
            GROUP BY endpoint
        ),
        counted AS (
            UPDATE webhook_endpoint
            SET dropped = dropped + lost.count
            FROM lost
            WHERE webhook_endpoint.id = lost.endpoint
        )
        SELECT
            (SELECT count(*) FROM added) AS \"rows!\",
            (SELECT COALESCE(sum(lost.count), 0)::BIGINT FROM lost) AS \"dropped!\"",
        &new.shard,
        &new.sequence,
        &new.index,
        &new.agent,
        &new.link,
        &new.session as &[Option<Uuid>],
        &new.event,
        &new.kind,
        &new.thin,
        now,
        QUEUE,
    )
    .fetch_one(connection)
    .await
}

/// Claims deliveries of an endpoint that are due.
pub(crate) async fn claim(
    connection: &mut PgConnection,
    endpoint: Uuid,
    now: OffsetDateTime,
    lease_until: OffsetDateTime,
    most: i64,
) -> sqlx::Result<Vec<Claimed>> {
    sqlx::query_as!(
        Claimed,
        "WITH due AS MATERIALIZED (
            SELECT shard, sequence, index
            FROM webhook_delivery
            WHERE endpoint = $1
                AND dead_at IS NULL
                AND due_at <= $2
                AND (lease_until IS NULL OR lease_until < $2)
            ORDER BY due_at, sequence, index
            LIMIT $4
            FOR UPDATE SKIP LOCKED
        )
        UPDATE webhook_delivery AS delivery
        SET lease_until = $3, attempts = delivery.attempts + 1
        FROM due
        WHERE delivery.shard = due.shard AND delivery.sequence = due.sequence AND delivery.index = due.index
        RETURNING
            delivery.shard, delivery.sequence, delivery.index, delivery.session, delivery.link, delivery.event,
            delivery.type AS kind, delivery.thin, delivery.since, delivery.attempts",
        endpoint,
        now,
        lease_until,
        most,
    )
    .fetch_all(connection)
    .await
}

/// Forgets what arrived.
pub(crate) async fn delivered(connection: &mut PgConnection, arrived: &[&Claimed]) -> sqlx::Result<()> {
    let (shard, sequence, index) = keys(arrived);
    sqlx::query!(
        "DELETE FROM webhook_delivery AS delivery
        USING UNNEST($1::INTEGER[], $2::BIGINT[], $3::INTEGER[]) AS arrived (shard, sequence, index)
        WHERE delivery.shard = arrived.shard AND delivery.sequence = arrived.sequence AND delivery.index = arrived.index",
        &shard,
        &sequence,
        &index,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives back what was not tried.
pub(crate) async fn release(connection: &mut PgConnection, untried: &[&Claimed]) -> sqlx::Result<()> {
    let (shard, sequence, index) = keys(untried);
    sqlx::query!(
        "UPDATE webhook_delivery AS delivery
        SET lease_until = NULL, attempts = delivery.attempts - 1
        FROM UNNEST($1::INTEGER[], $2::BIGINT[], $3::INTEGER[]) AS untried (shard, sequence, index)
        WHERE delivery.shard = untried.shard AND delivery.sequence = untried.sequence AND delivery.index = untried.index",
        &shard,
        &sequence,
        &index,
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn keys(claimed: &[&Claimed]) -> (Vec<i32>, Vec<i64>, Vec<i32>) {
    let (shard, rest): (Vec<_>, Vec<_>) =
        claimed.iter().map(|claimed| (claimed.shard, (claimed.sequence, claimed.index))).unzip();
    let (sequence, index) = rest.into_iter().unzip();
    (shard, sequence, index)
}

/// How a delivery failed.
#[derive(Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) claimed: &'a Claimed,
    pub(crate) status: Option<i16>,
    pub(crate) error: &'a str,
    pub(crate) due_at: OffsetDateTime,
    /// Set where it is given up.
    pub(crate) dead_at: Option<OffsetDateTime>,
}

/// Puts off what failed, or gives it up.
pub(crate) async fn failed(connection: &mut PgConnection, failure: &Failure<'_>) -> sqlx::Result<()> {
    let Claimed { shard, sequence, index, .. } = failure.claimed;
    sqlx::query!(
        "UPDATE webhook_delivery
        SET lease_until = NULL, due_at = $4, last_status = $5, last_error = $6, dead_at = $7
        WHERE shard = $1 AND sequence = $2 AND index = $3",
        shard,
        sequence,
        index,
        failure.due_at,
        failure.status,
        failure.error,
        failure.dead_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Gives up all that waits since before `before` for an endpoint that has not worked since then; returns how many that were.
pub(crate) async fn give_up(
    connection: &mut PgConnection,
    endpoint: Uuid,
    before: OffsetDateTime,
    now: OffsetDateTime,
    error: &str,
) -> sqlx::Result<u64> {
    let given_up = sqlx::query!(
        "UPDATE webhook_delivery
        SET dead_at = $3, lease_until = NULL, last_error = COALESCE(last_error, $4)
        WHERE endpoint = $1
            AND dead_at IS NULL
            AND since <= $2
            AND (lease_until IS NULL OR lease_until < $3)",
        endpoint,
        before,
        now,
        error,
    )
    .execute(connection)
    .await?;
    Ok(given_up.rows_affected())
}

/// Keeps the newest dead letters of an endpoint.
pub(crate) async fn prune(connection: &mut PgConnection, endpoint: Uuid) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM webhook_delivery AS delivery
        USING (
            SELECT shard, sequence, index
            FROM webhook_delivery
            WHERE endpoint = $1 AND dead_at IS NOT NULL
            ORDER BY dead_at DESC, sequence DESC, index DESC
            OFFSET $2
        ) AS old
        WHERE delivery.shard = old.shard AND delivery.sequence = old.sequence AND delivery.index = old.index",
        endpoint,
        DEAD_LETTERS,
    )
    .execute(connection)
    .await?;
    Ok(())
}
