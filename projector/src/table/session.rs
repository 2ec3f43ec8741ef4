//! Table `session`.

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// How a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub(crate) enum SessionStatus {
    Active,
    Idle,
    Ended,
    Erased,
}

impl SessionStatus {
    const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::Ended => "ended",
            Self::Erased => "erased",
        }
    }

    /// Tells whether something may still be said.
    pub(crate) const fn is_open(self) -> bool {
        match self {
            Self::Active | Self::Idle => true,
            Self::Ended | Self::Erased => false,
        }
    }
}

/// A row of `session`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) link: Uuid,
    pub(crate) shard: i32,
    pub(crate) status: SessionStatus,
    pub(crate) display_name: Option<Vec<u8>>,
    pub(crate) feedback: Option<Vec<u8>>,
    pub(crate) language: Option<String>,
    pub(crate) recipient: Option<i16>,
    pub(crate) started_at: OffsetDateTime,
    pub(crate) started_sequence: i64,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) max_messages: i64,
    pub(crate) messages_per_minute: i64,
    pub(crate) idle_timeout_ms: i64,
    pub(crate) keep_after_end_ms: i64,
    pub(crate) chatter_messages: i64,
    pub(crate) agent_messages: i64,
    pub(crate) last_word_at: OffsetDateTime,
    pub(crate) last_chatter_at: Option<OffsetDateTime>,
    pub(crate) last_agent_at: Option<OffsetDateTime>,
    pub(crate) first_chatter_at: Option<OffsetDateTime>,
    pub(crate) first_reply_at: Option<OffsetDateTime>,
    pub(crate) owed_since: Option<OffsetDateTime>,
    pub(crate) rating: Option<i16>,
    pub(crate) ended_at: Option<OffsetDateTime>,
    pub(crate) end_reason: Option<String>,
    pub(crate) erase_at: Option<OffsetDateTime>,
    pub(crate) erased_at: Option<OffsetDateTime>,
    pub(crate) abuse: Option<i16>,
    pub(crate) sequence: i64,
}

pub(crate) async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<SessionRow>> {
    sqlx::query_as!(
        SessionRow,
        r#"SELECT
            id, agent, link, shard, status AS "status: SessionStatus", display_name, feedback, language, started_at, started_sequence,
            expires_at, max_messages, messages_per_minute, idle_timeout_ms, keep_after_end_ms, chatter_messages, agent_messages,
            last_word_at, last_chatter_at, last_agent_at, first_chatter_at, first_reply_at, owed_since, rating, ended_at, end_reason,
            erase_at, erased_at, sequence, recipient, abuse
        FROM session
        WHERE id = ANY($1)"#,
        ids,
    )
    .fetch_all(connection)
    .await
}

/// Finds the sessions of `links` in which something may still be said.
pub(crate) async fn open_of_links(connection: &mut PgConnection, links: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        r#"SELECT session.id AS "id!"
        FROM link
        CROSS JOIN LATERAL (
            SELECT id
            FROM session
            WHERE session.agent = link.agent
                AND session.link = link.id
                AND session.status IN ('active', 'idle')
            OFFSET 0
        ) AS session
        WHERE link.id = ANY($1)"#,
        links,
    )
    .fetch_all(connection)
    .await
}

pub(crate) async fn save(connection: &mut PgConnection, rows: &[&SessionRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO session (
            id, agent, link, shard, status, display_name, feedback, language, started_at, started_sequence, expires_at, max_messages,
            messages_per_minute, idle_timeout_ms, keep_after_end_ms, chatter_messages, agent_messages, last_word_at, last_chatter_at,
            last_agent_at, first_chatter_at, first_reply_at, owed_since, rating, ended_at, end_reason, erase_at, erased_at, sequence,
            recipient, abuse
        )
        SELECT *
        FROM UNNEST(
            $1::UUID[], $2::UUID[], $3::UUID[], $4::INTEGER[], $5::TEXT[], $6::BYTEA[], $7::BYTEA[], $8::TEXT[], $9::TIMESTAMPTZ[],
            $10::BIGINT[], $11::TIMESTAMPTZ[], $12::BIGINT[], $13::BIGINT[], $14::BIGINT[], $15::BIGINT[], $16::BIGINT[],
            $17::BIGINT[], $18::TIMESTAMPTZ[], $19::TIMESTAMPTZ[], $20::TIMESTAMPTZ[], $21::TIMESTAMPTZ[], $22::TIMESTAMPTZ[],
            $23::TIMESTAMPTZ[], $24::SMALLINT[], $25::TIMESTAMPTZ[], $26::TEXT[], $27::TIMESTAMPTZ[], $28::TIMESTAMPTZ[], $29::BIGINT[],
            $30::SMALLINT[], $31::SMALLINT[]
        )
        ON CONFLICT (id) DO UPDATE
        SET status = excluded.status,
            display_name = excluded.display_name,
            feedback = excluded.feedback,
            expires_at = excluded.expires_at,
            chatter_messages = excluded.chatter_messages,
            agent_messages = excluded.agent_messages,
            last_word_at = excluded.last_word_at,
            last_chatter_at = excluded.last_chatter_at,
            last_agent_at = excluded.last_agent_at,
            first_chatter_at = excluded.first_chatter_at,
            first_reply_at = excluded.first_reply_at,
            owed_since = excluded.owed_since,
            rating = excluded.rating,
            ended_at = excluded.ended_at,
            end_reason = excluded.end_reason,
            erase_at = excluded.erase_at,
            erased_at = excluded.erased_at,
            abuse = excluded.abuse,
            sequence = excluded.sequence",
        &column(rows, |row| row.id),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.link),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.status.name()) as &[&str],
        &column(rows, |row| row.display_name.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.feedback.clone()) as &[Option<Vec<u8>>],
        &column(rows, |row| row.language.clone()) as &[Option<String>],
        &column(rows, |row| row.started_at),
        &column(rows, |row| row.started_sequence),
        &column(rows, |row| row.expires_at),
        &column(rows, |row| row.max_messages),
        &column(rows, |row| row.messages_per_minute),
        &column(rows, |row| row.idle_timeout_ms),
        &column(rows, |row| row.keep_after_end_ms),
        &column(rows, |row| row.chatter_messages),
        &column(rows, |row| row.agent_messages),
        &column(rows, |row| row.last_word_at),
        &column(rows, |row| row.last_chatter_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.last_agent_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.first_chatter_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.first_reply_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.owed_since) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.rating) as &[Option<i16>],
        &column(rows, |row| row.ended_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.end_reason.clone()) as &[Option<String>],
        &column(rows, |row| row.erase_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.erased_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.sequence),
        &column(rows, |row| row.recipient) as &[Option<i16>],
        &column(rows, |row| row.abuse) as &[Option<i16>],
    )
    .execute(connection)
    .await?;
    Ok(())
}
