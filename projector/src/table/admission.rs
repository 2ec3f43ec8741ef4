//! Table `admission`: the places of links that are taken.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;

/// A row of `admission`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AdmissionRow {
    pub(crate) session: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) link: Uuid,
    pub(crate) shard: i32,
    pub(crate) came_back: bool,
    pub(crate) sequence: i64,
}

pub(crate) async fn load(connection: &mut PgConnection, sessions: &[Uuid]) -> sqlx::Result<Vec<AdmissionRow>> {
    sqlx::query_as!(
        AdmissionRow,
        "SELECT session, agent, link, shard, came_back, sequence
        FROM admission
        WHERE session = ANY($1)",
        sessions,
    )
    .fetch_all(connection)
    .await
}

pub(crate) async fn delete(connection: &mut PgConnection, sessions: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("DELETE FROM admission WHERE session = ANY($1)", sessions).execute(connection).await?;
    Ok(())
}

pub(crate) async fn save(connection: &mut PgConnection, rows: &[&AdmissionRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO admission (session, agent, link, shard, came_back, sequence)
        SELECT *
        FROM UNNEST($1::UUID[], $2::UUID[], $3::UUID[], $4::INTEGER[], $5::BOOLEAN[], $6::BIGINT[])
        ON CONFLICT (session) DO UPDATE
        SET came_back = excluded.came_back,
            sequence = excluded.sequence",
        &column(rows, |row| row.session),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.link),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.came_back),
        &column(rows, |row| row.sequence),
    )
    .execute(connection)
    .await?;
    Ok(())
}
