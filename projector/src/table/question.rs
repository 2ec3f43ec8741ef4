//! Table `question`.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// A row of `question`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct QuestionRow {
    pub(crate) id: Uuid,
    pub(crate) session: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) link: Uuid,
    pub(crate) shard: i32,
    pub(crate) asked_at: OffsetDateTime,
    pub(crate) fields: i16,
    pub(crate) required: i16,
    pub(crate) answered: i16,
    pub(crate) answers: i64,
    pub(crate) closed: bool,
    pub(crate) answer_by: Option<OffsetDateTime>,
    pub(crate) sequence: i64,
}

/// Reads the questions of `sessions` that still change: a closed one never does.
pub(crate) async fn load(connection: &mut PgConnection, sessions: &[Uuid]) -> sqlx::Result<Vec<QuestionRow>> {
    sqlx::query_as!(
        QuestionRow,
        "SELECT id, session, agent, link, shard, asked_at, fields, required, answered, answers, closed, answer_by, sequence
        FROM question
        WHERE session = ANY($1) AND NOT closed",
        sessions,
    )
    .fetch_all(connection)
    .await
}

pub(crate) async fn save(connection: &mut PgConnection, rows: &[&QuestionRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO question (
            id, session, agent, link, shard, asked_at, fields, required, answered, answers, closed, answer_by, sequence
        )
        SELECT *
        FROM UNNEST(
            $1::UUID[], $2::UUID[], $3::UUID[], $4::UUID[], $5::INTEGER[], $6::TIMESTAMPTZ[], $7::SMALLINT[], $8::SMALLINT[],
            $9::SMALLINT[], $10::BIGINT[], $11::BOOLEAN[], $12::TIMESTAMPTZ[], $13::BIGINT[]
        )
        ON CONFLICT (session, id) DO UPDATE
        SET answered = excluded.answered,
            answers = excluded.answers,
            closed = excluded.closed,
            sequence = excluded.sequence",
        &column(rows, |row| row.id),
        &column(rows, |row| row.session),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.link),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.asked_at),
        &column(rows, |row| row.fields),
        &column(rows, |row| row.required),
        &column(rows, |row| row.answered),
        &column(rows, |row| row.answers),
        &column(rows, |row| row.closed),
        &column(rows, |row| row.answer_by) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.sequence),
    )
    .execute(connection)
    .await?;
    Ok(())
}
