//! The yardstick of the projector: the same event rows, inserted with `UNNEST` and nothing else.

use anyhow::Result;
use sqlx::types::Uuid;
use sqlx::{FromRow, PgConnection};
use time::OffsetDateTime;

/// A batch of event rows, column by column.
#[derive(Debug, FromRow)]
pub(crate) struct Rows {
    shard: Vec<i32>,
    sequence: Vec<i64>,
    index: Vec<i32>,
    agent: Vec<Uuid>,
    link: Vec<Option<Uuid>>,
    session: Vec<Option<Uuid>>,
    at: Vec<OffsetDateTime>,
    r#type: Vec<String>,
    actor: Vec<String>,
    key: Vec<Option<Uuid>>,
    command: Vec<Uuid>,
    body: Vec<Vec<u8>>,
}

/// Makes an empty table like that of the events, with the same indexes.
pub(crate) async fn prepare(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("CREATE TABLE bare (LIKE event INCLUDING ALL)").execute(connection).await?;
    Ok(())
}

impl Rows {
    /// Reads a batch of rows.
    pub(crate) async fn read(connection: &mut PgConnection, offset: i64, limit: i64) -> Result<Self> {
        let rows = sqlx::query_as(
            "
            SELECT
                array_agg(shard) AS shard, array_agg(sequence) AS sequence, array_agg(index) AS index, array_agg(agent) AS agent,
                array_agg(link) AS link, array_agg(session) AS session, array_agg(at) AS at, array_agg(type) AS type,
                array_agg(actor) AS actor, array_agg(key) AS key, array_agg(command) AS command, array_agg(body) AS body
            FROM (SELECT * FROM event ORDER BY shard, sequence, index OFFSET $1 LIMIT $2) AS batch
            ",
        )
        .bind(offset)
        .bind(limit)
        .fetch_one(connection)
        .await?;
        Ok(rows)
    }

    /// Inserts the batch, one statement and one transaction.
    pub(crate) async fn insert(&self, connection: &mut PgConnection) -> Result<()> {
        sqlx::query(
            "
            INSERT INTO bare
            SELECT * FROM UNNEST(
                $1::INTEGER[], $2::BIGINT[], $3::INTEGER[], $4::UUID[], $5::UUID[], $6::UUID[], $7::TIMESTAMPTZ[], $8::TEXT[],
                $9::TEXT[], $10::UUID[], $11::UUID[], $12::BYTEA[]
            )
            ",
        )
        .bind(&self.shard)
        .bind(&self.sequence)
        .bind(&self.index)
        .bind(&self.agent)
        .bind(&self.link)
        .bind(&self.session)
        .bind(&self.at)
        .bind(&self.r#type)
        .bind(&self.actor)
        .bind(&self.key)
        .bind(&self.command)
        .bind(&self.body)
        .execute(connection)
        .await?;
        Ok(())
    }
}
