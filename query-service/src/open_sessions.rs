//! An agent's open sessions, those that wait for a reply first.

use domain::{KeyId, LinkId, SessionId, Timestamp};
use serde::Serialize;
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::columns::{count, moment, recipient, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Scope, SessionStatus, Viewer, clock};

/// One of the two sides of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The agent.
    Agent,
    /// The person.
    Chatter,
}

/// A session that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenSession {
    /// The session.
    pub session: SessionId,
    /// Its link.
    pub link: LinkId,
    /// Which of the link's recipients it is.
    pub recipient: Option<u8>,
    /// Active or idle.
    pub status: SessionStatus,
    /// Whose turn it is.
    pub waiting_for: Party,
    /// The chatter's messages and answers after the key's acknowledged position.
    pub unread: u32,
    /// When the chatter's last message or answer came.
    pub last_chatter_at: Option<Timestamp>,
    /// How many messages the chatter has left.
    pub messages_left: u32,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Fields of open questions without an answer.
    pub open_fields: u32,
}

/// The most urgent of the open sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSessions {
    /// Those that wait for the agent first, the longest waiting first; then by their latest message.
    pub sessions: Vec<OpenSession>,
    /// How many there are in all.
    pub total: u64,
}

/// Reads the open sessions that `$scope` leaves; the first four parameters are the agent, the time, the limit and the key.
macro_rules! open_rows {
    ($scope:literal, [$agent:expr, $now:expr, $limit:expr, $key:expr $(, $parameter:expr)*]) => {
        sqlx::query_as!(
            OpenRow,
            r#"
            WITH open AS (
                SELECT
                    id, link, recipient, status, started_sequence, owed_since, last_word_at, last_chatter_at, max_messages, chatter_messages, expires_at,
                    count(*) OVER () AS total
                FROM session
                WHERE agent = $1
                "# + $scope + r#"
                AND status IN ('active', 'idle')
                AND expires_at > $2
                ORDER BY owed_since ASC NULLS LAST, last_word_at DESC, id
                LIMIT $3
            )
            SELECT
                open.id,
                open.link,
                open.recipient,
                open.status AS "status: SessionStatus",
                open.owed_since IS NOT NULL AS "owed!",
                open.last_chatter_at,
                open.max_messages - open.chatter_messages AS "messages_left!",
                open.expires_at,
                open.total AS "total!",
                unread.events AS "unread!",
                asked.fields AS "open_fields!"
            FROM open
            -- OFFSET 0 keeps the order: what is open is found first.
            LEFT JOIN LATERAL (SELECT upto FROM read_mark WHERE read_mark.session = open.id AND read_mark.key = $4 OFFSET 0) AS read_mark
            ON true
            CROSS JOIN LATERAL (
                SELECT count(*) AS events
                FROM event
                WHERE event.session = open.id
                -- The commit of the start also holds the welcome message, which counts as read.
                AND event.sequence > greatest(read_mark.upto, open.started_sequence)
                AND event.actor = 'chatter'
                AND event.type IN ('session.message_posted', 'session.question_answered', 'session.decision_made')
            ) AS unread
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(bit_count((((1 << question.fields) - 1) & ~question.answered)::BIT(8))), 0)::BIGINT AS fields
                FROM question
                WHERE question.session = open.id
                AND NOT question.closed
            ) AS asked
            ORDER BY open.owed_since ASC NULLS LAST, open.last_word_at DESC, open.id
            "#,
            $agent,
            $now,
            $limit,
            $key
            $(, $parameter)*
        )
    };
}

struct OpenRow {
    id: Uuid,
    link: Uuid,
    recipient: Option<i16>,
    status: SessionStatus,
    owed: bool,
    last_chatter_at: Option<OffsetDateTime>,
    messages_left: i64,
    expires_at: OffsetDateTime,
    total: i64,
    unread: i64,
    open_fields: i64,
}

impl Queries {
    /// Lists the open sessions of a scope, as `key` has read them.
    pub async fn open_sessions(
        &self,
        viewer: impl Into<Viewer>,
        scope: Scope,
        key: KeyId,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<OpenSessions>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (agent, now, limit, key) = (uuid(viewer.agent().bytes()), moment(clock::now()), i64::from(limit), uuid(key.bytes()));
        let transaction = &mut *view.transaction;
        let rows = match scope.within(viewer) {
            Scope::Agent => open_rows!("", [agent, now, limit, key]).fetch_all(transaction).await?,
            Scope::Link(link) => {
                open_rows!("AND link = $5", [agent, now, limit, key, uuid(link.bytes())]).fetch_all(transaction).await?
            }
            Scope::Session(session) => {
                open_rows!("AND id = $5", [agent, now, limit, key, uuid(session.bytes())]).fetch_all(transaction).await?
            }
        };
        view.end().await?;
        let total = rows.first().map_or(0, |row| u64::from(count(row.total)));
        let sessions = rows.into_iter().map(|row| OpenSession {
            session: SessionId::new(row.id.into_bytes()),
            link: LinkId::new(row.link.into_bytes()),
            recipient: recipient(row.recipient),
            status: row.status,
            waiting_for: if row.owed { Party::Agent } else { Party::Chatter },
            unread: count(row.unread),
            last_chatter_at: row.last_chatter_at.map(timestamp),
            messages_left: count(row.messages_left),
            expires_at: timestamp(row.expires_at),
            open_fields: count(row.open_fields),
        });
        Ok(Answer { value: OpenSessions { sessions: sessions.collect(), total }, stale })
    }
}
