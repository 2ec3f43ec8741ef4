//! Table `link`.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// How a link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub(crate) enum LinkStatus {
    Active,
    Paused,
    Expired,
    Revoked,
    Erased,
}

impl LinkStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Erased => "erased",
        }
    }
}

/// A row of `link`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinkRow {
    pub(crate) id: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) shard: i32,
    pub(crate) status: LinkStatus,
    pub(crate) title: Option<Vec<u8>>,
    pub(crate) purpose: Option<Vec<u8>>,
    pub(crate) description: Option<Vec<u8>>,
    pub(crate) welcome_message: Option<Vec<u8>>,
    pub(crate) agent_name: Option<Vec<u8>>,
    pub(crate) questions: Option<Vec<u8>>,
    pub(crate) recipients: Option<Vec<u8>>,
    pub(crate) question: Option<Uuid>,
    pub(crate) has_passcode: bool,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) max_sessions_at_once: i64,
    pub(crate) max_sessions_total: Option<i64>,
    pub(crate) max_messages_per_session: i64,
    pub(crate) messages_per_minute: i64,
    pub(crate) idle_timeout_ms: i64,
    pub(crate) keep_after_end_ms: i64,
    pub(crate) language: Option<String>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) rotation: i64,
    pub(crate) admitted: i64,
    pub(crate) places_taken: i64,
    pub(crate) opened_at: OffsetDateTime,
    pub(crate) opened_sequence: i64,
    pub(crate) closed_at: Option<OffsetDateTime>,
    pub(crate) ends_sessions: bool,
    pub(crate) erased_at: Option<OffsetDateTime>,
    pub(crate) sequence: i64,
}

pub(crate) async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<LinkRow>> {
    sqlx::query_as!(
        LinkRow,
        r#"SELECT
            id, agent, shard, status AS "status: LinkStatus", title, purpose, description, welcome_message, agent_name, has_passcode,
            expires_at, max_sessions_at_once, max_sessions_total, max_messages_per_session, messages_per_minute, idle_timeout_ms,
            keep_after_end_ms, language, allowed_origins, rotation, admitted, places_taken, opened_at, opened_sequence, closed_at,
            ends_sessions, erased_at, sequence, questions, recipients, question
        FROM link
        WHERE id = ANY($1)"#,
        ids,
    )
    .fetch_all(connection)
    .await
}

pub(crate) async fn save(connection: &mut PgConnection, rows: &[&LinkRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO link (
            id, agent, shard, status, title, purpose, description, welcome_message, agent_name, has_passcode, expires_at,
            max_sessions_at_once, max_sessions_total, max_messages_per_session, messages_per_minute, idle_timeout_ms, keep_after_end_ms,
            language, rotation, admitted, places_taken, opened_at, opened_sequence, closed_at, ends_sessions, erased_at, sequence,
            questions, recipients, question, allowed_origins
        )
        SELECT
            id, agent, shard, status, title, purpose, description, welcome_message, agent_name, has_passcode, expires_at,
            max_sessions_at_once, max_sessions_total, max_messages_per_session, messages_per_minute, idle_timeout_ms, keep_after_end_ms,
            language, rotation, admitted, places_taken, opened_at, opened_sequence, closed_at, ends_sessions, erased_at, sequence,
            questions, recipients, question,
            -- UNNEST would flatten an array of arrays.
            ARRAY(SELECT jsonb_array_elements_text(origins::JSONB))
        FROM UNNEST(
            $1::UUID[], $2::UUID[], $3::INTEGER[], $4::TEXT[], $5::BYTEA[], $6::BYTEA[], $7::BYTEA[], $8::BYTEA[], $9::BYTEA[],
            $10::BOOLEAN[], $11::TIMESTAMPTZ[], $12::BIGINT[], $13::BIGINT[], $14::BIGINT[], $15::BIGINT[], $16::BIGINT[],
            $17::BIGINT[], $18::TEXT[], $19::BIGINT[], $20::BIGINT[], $21::BIGINT[], $22::TIMESTAMPTZ[], $23::BIGINT[],
            $24::TIMESTAMPTZ[], $25::BOOLEAN[], $26::TIMESTAMPTZ[], $27::BIGINT[], $28::TEXT[], $29::BYTEA[], $30::BYTEA[], $31::UUID[]
        ) AS new (
            id, agent, shard, status, title, purpose, description, welcome_message, agent_name, has_passcode, expires_at,
            max_sessions_at_once, max_sessions_total, max_messages_per_session, messages_per_minute, idle_timeout_ms, keep_after_end_ms,
            language, rotation, admitted, places_taken, opened_at, opened_sequence, closed_at, ends_sessions, erased_at, sequence,
            origins, questions, recipients, question
        )
        ON CONFLICT (id) DO UPDATE
        SET status = excluded.status,
            title = excluded.title,
            purpose = excluded.purpose,
            description = excluded.description,
            welcome_message = excluded.welcome_message,
            agent_name = excluded.agent_name,
            questions = excluded.questions,
            recipients = excluded.recipients,
            question = excluded.question,
            has_passcode = excluded.has_passcode,
            expires_at = excluded.expires_at,
            max_sessions_at_once = excluded.max_sessions_at_once,
            max_sessions_total = excluded.max_sessions_total,
            max_messages_per_session = excluded.max_messages_per_session,
            messages_per_minute = excluded.messages_per_minute,
            idle_timeout_ms = excluded.idle_timeout_ms,
            keep_after_end_ms = excluded.keep_after_end_ms,
            language = excluded.language,
            allowed_origins = excluded.allowed_origins,
            rotation = excluded.rotation,
            admitted = excluded.admitted,
            places_taken = excluded.places_taken,
            closed_at = excluded.closed_at,
            ends_sessions = excluded.ends_sessions,
            erased_at = excluded.erased_at,
            sequence = excluded.sequence",
        &column(rows, |row| row.id),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.status.name()) as &[&str],
        &column(rows, |row| row.title.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.purpose.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.description.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.welcome_message.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.agent_name.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.has_passcode),
        &column(rows, |row| row.expires_at),
        &column(rows, |row| row.max_sessions_at_once),
        &column(rows, |row| row.max_sessions_total) as &[Option<i64>],
        &column(rows, |row| row.max_messages_per_session),
        &column(rows, |row| row.messages_per_minute),
        &column(rows, |row| row.idle_timeout_ms),
        &column(rows, |row| row.keep_after_end_ms),
        &column(rows, |row| row.language.clone()) as &[Option<String>],
        &column(rows, |row| row.rotation),
        &column(rows, |row| row.admitted),
        &column(rows, |row| row.places_taken),
        &column(rows, |row| row.opened_at),
        &column(rows, |row| row.opened_sequence),
        &column(rows, |row| row.closed_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.ends_sessions),
        &column(rows, |row| row.erased_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.sequence),
        &column(rows, |row| serde_json::to_string(&row.allowed_origins).expect("texts are JSON")),
        &column(rows, |row| row.questions.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.recipients.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.question) as &[Option<Uuid>],
    )
    .execute(connection)
    .await?;
    Ok(())
}
