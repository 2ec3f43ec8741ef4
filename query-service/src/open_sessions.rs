//! What an agent has to attend to: its open sessions, those that need a reply first.

use domain::{KeyId, LinkId, SessionId, Timestamp};
use serde::Serialize;

use crate::columns::{count, moment, recipient, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Scope, SessionStatus, Viewer, clock};

/// One of the two who talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The agent.
    Agent,
    /// The person.
    Chatter,
}

/// A session in which something may still be said.
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
    /// The chatter's messages and answers beyond the asking key's kept position.
    pub unread: u32,
    /// When the chatter last said something.
    pub last_chatter_at: Option<Timestamp>,
    /// How many messages the chatter has left.
    pub messages_left: u32,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Fields of open questions that nobody has answered.
    pub open_fields: u32,
}

/// The most urgent of the open sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSessions {
    /// Those that wait for the agent first, the longest waiting before the others; then the liveliest.
    pub sessions: Vec<OpenSession>,
    /// How many there are in all.
    pub total: u64,
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
        let (link, session) = scope.columns();
        let rows = sqlx::query!(
            r#"
            WITH open AS (
                SELECT
                    id, link, recipient, status, started_sequence, owed_since, last_word_at, last_chatter_at, max_messages, chatter_messages, expires_at,
                    count(*) OVER () AS total
                FROM session
                WHERE agent = $1
                AND ($2::UUID IS NULL OR link = $2)
                AND ($3::UUID IS NULL OR id = $3)
                AND status IN ('active', 'idle')
                AND expires_at > $4
                ORDER BY owed_since ASC NULLS LAST, last_word_at DESC, id
                LIMIT $5
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
            LEFT JOIN read_mark ON read_mark.session = open.id AND read_mark.key = $6
            CROSS JOIN LATERAL (
                SELECT count(*) AS events
                FROM event
                WHERE event.session = open.id
                -- The start brings the welcome with it, which is nobody's to read.
                AND event.sequence > greatest(read_mark.upto, open.started_sequence)
                AND event.actor = 'chatter'
                AND event.type IN ('session.message_posted', 'session.question_answered')
            ) AS unread
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(bit_count((((1 << question.fields) - 1) & ~question.answered)::BIT(8))), 0)::BIGINT AS fields
                FROM question
                WHERE question.session = open.id
                AND NOT question.closed
            ) AS asked
            ORDER BY open.owed_since ASC NULLS LAST, open.last_word_at DESC, open.id
            "#,
            uuid(viewer.agent().bytes()),
            link,
            session,
            moment(clock::now()),
            i64::from(limit),
            uuid(key.bytes())
        )
        .fetch_all(&mut *view.transaction)
        .await?;
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
