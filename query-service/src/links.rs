//! Links, as their agent sees them.

use domain::{Address, AgentId, LinkId, Millis, QuestionId, Timestamp};
use nats::{Field, Position, Shard};
use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::columns::{count, moment, sequence, sequence_column, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::page::{cut, rows_for};
use crate::vaults::Owner;
use crate::{Answer, Error, Freshness, Page, PlainText, Queries, Vaults, Viewer, clock};

/// How a link stands, judged by the clock: one whose time is up has expired, whatever its timer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum LinkStatus {
    /// It takes newcomers, unless every place is taken.
    Active,
    /// It takes no newcomers for now.
    Paused,
    /// Its time is up.
    Expired,
    /// Its agent took it back.
    Revoked,
}

/// A link with all its settings; texts are absent where none was given, and once they are erased.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the settings are the contract's, in its own words; see `domain::link::Settings`")]
pub struct LinkView {
    pub id: LinkId,
    pub agent: AgentId,
    pub status: LinkStatus,
    pub title: Option<PlainText>,
    pub purpose: Option<PlainText>,
    pub description: Option<PlainText>,
    pub welcome_message: Option<PlainText>,
    pub agent_name: Option<PlainText>,
    pub has_passcode: bool,
    pub expires_at: Timestamp,
    pub max_sessions_at_once: u32,
    /// `None` is without limit.
    pub max_sessions_total: Option<u32>,
    pub max_messages_per_session: u32,
    pub messages_per_minute: u32,
    pub idle_timeout: Millis,
    pub keep_after_end: Millis,
    pub language: Option<String>,
    pub allowed_origins: Vec<String>,
    pub questions: Option<LinkQuestions>,
    /// The labels of the recipients, as the document that was sealed.
    pub recipients: Option<PlainText>,
    pub counts: LinkCounts,
    /// The number of the token that opens the link: with agent and id it makes the URL.
    pub rotation: u32,
    pub opened_at: Timestamp,
    /// When it expired or was revoked.
    pub closed_at: Option<Timestamp>,
    /// When its words went.
    pub erased_at: Option<Timestamp>,
    /// The position of its opening in the log, by which lists are ordered.
    pub position: Position,
    /// The last commit of the link that the answer has taken in.
    pub sequence: u64,
}

/// What a link asks everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkQuestions {
    /// The question, the same in every session.
    pub question: QuestionId,
    /// The fields, as the document that was sealed.
    pub form: PlainText,
}

/// How many sessions a link has had and has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Sessions ever admitted, without those that never started.
    pub admitted: u32,
    /// Places taken now: by active sessions, and by those about to start.
    pub places_taken: u32,
    /// Open sessions that hold a place.
    pub active: u32,
    /// Open sessions that fell silent and hold none.
    pub idle: u32,
    /// Open sessions whose chatter waits for the agent.
    pub waiting_for_agent: u32,
}

/// Reads links with what `$tail` adds; the first two parameters are the time and the agent.
macro_rules! link_rows {
    ($tail:literal, [$now:expr, $agent:expr $(, $parameter:expr)*]) => {
        sqlx::query_as!(
            LinkRow,
            r#"
            SELECT
                link.id,
                link.agent,
                standing.status AS "status!: LinkStatus",
                title, purpose, description, welcome_message, agent_name, questions, recipients, question,
                has_passcode, link.expires_at, max_sessions_at_once, max_sessions_total, max_messages_per_session,
                messages_per_minute, idle_timeout_ms, keep_after_end_ms, language, allowed_origins,
                rotation, admitted, places_taken, opened_at, opened_sequence, closed_at, erased_at, sequence,
                open.active AS "active!",
                open.idle AS "idle!",
                open.owed AS "owed!"
            FROM link
            CROSS JOIN LATERAL (
                SELECT
                    CASE
                        WHEN link.status IN ('active', 'paused') AND link.expires_at <= $1 THEN 'expired'
                        WHEN link.status = 'erased' AND link.closed_at >= link.expires_at THEN 'expired'
                        WHEN link.status = 'erased' THEN 'revoked'
                        ELSE link.status
                    END AS status
            ) AS standing
            CROSS JOIN LATERAL (
                SELECT
                    count(*) FILTER (WHERE session.status = 'active') AS active,
                    count(*) FILTER (WHERE session.status = 'idle') AS idle,
                    count(*) FILTER (WHERE session.owed_since IS NOT NULL) AS owed
                FROM session
                WHERE session.link = link.id
                AND session.status IN ('active', 'idle')
                AND session.expires_at > $1
            ) AS open
            WHERE link.agent = $2
            "# + $tail,
            $now,
            $agent
            $(, $parameter)*
        )
    };
}

struct LinkRow {
    id: Uuid,
    agent: Uuid,
    status: LinkStatus,
    title: Option<Vec<u8>>,
    purpose: Option<Vec<u8>>,
    description: Option<Vec<u8>>,
    welcome_message: Option<Vec<u8>>,
    agent_name: Option<Vec<u8>>,
    questions: Option<Vec<u8>>,
    recipients: Option<Vec<u8>>,
    question: Option<Uuid>,
    has_passcode: bool,
    expires_at: OffsetDateTime,
    max_sessions_at_once: i64,
    max_sessions_total: Option<i64>,
    max_messages_per_session: i64,
    messages_per_minute: i64,
    idle_timeout_ms: i64,
    keep_after_end_ms: i64,
    language: Option<String>,
    allowed_origins: Vec<String>,
    rotation: i64,
    admitted: i64,
    places_taken: i64,
    opened_at: OffsetDateTime,
    opened_sequence: i64,
    closed_at: Option<OffsetDateTime>,
    erased_at: Option<OffsetDateTime>,
    sequence: i64,
    active: i64,
    idle: i64,
    owed: i64,
}

impl LinkRow {
    fn address(&self) -> Address {
        Address::link(AgentId::new(self.agent.into_bytes()), LinkId::new(self.id.into_bytes()))
    }

    fn view(self, shard: Shard, vaults: &Vaults) -> Result<LinkView, Error> {
        let address = self.address();
        let open = |field, sealed: Option<Vec<u8>>| vaults.open(address, field, sealed.as_deref());
        Ok(LinkView {
            id: LinkId::new(self.id.into_bytes()),
            agent: address.agent,
            status: self.status,
            title: open(Field::Title, self.title)?,
            purpose: open(Field::Purpose, self.purpose)?,
            description: open(Field::Description, self.description)?,
            welcome_message: open(Field::WelcomeMessage, self.welcome_message)?,
            agent_name: open(Field::AgentName, self.agent_name)?,
            questions: match (self.question, open(Field::Form, self.questions)?) {
                (Some(question), Some(form)) => Some(LinkQuestions { question: QuestionId::new(question.into_bytes()), form }),
                (Some(_) | None, _) => None,
            },
            recipients: open(Field::Recipients, self.recipients)?,
            has_passcode: self.has_passcode,
            expires_at: timestamp(self.expires_at),
            max_sessions_at_once: count(self.max_sessions_at_once),
            max_sessions_total: self.max_sessions_total.map(count),
            max_messages_per_session: count(self.max_messages_per_session),
            messages_per_minute: count(self.messages_per_minute),
            idle_timeout: Millis(self.idle_timeout_ms),
            keep_after_end: Millis(self.keep_after_end_ms),
            language: self.language,
            allowed_origins: self.allowed_origins,
            counts: LinkCounts {
                admitted: count(self.admitted),
                places_taken: count(self.places_taken),
                active: count(self.active),
                idle: count(self.idle),
                waiting_for_agent: count(self.owed),
            },
            rotation: count(self.rotation),
            opened_at: timestamp(self.opened_at),
            closed_at: self.closed_at.map(timestamp),
            erased_at: self.erased_at.map(timestamp),
            position: Position { shard, sequence: sequence(self.opened_sequence), index: 0 },
            sequence: sequence(self.sequence),
        })
    }
}

impl Queries {
    /// Shows one of an agent's links; none where the agent has no such link.
    pub async fn link(
        &self,
        viewer: impl Into<Viewer>,
        link: LinkId,
        fresh: Freshness,
    ) -> Result<Answer<Option<LinkView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let row = link_rows!("AND link.id = $3", [moment(clock::now()), uuid(viewer.agent().bytes()), uuid(link.bytes())])
            .fetch_optional(&mut *view.transaction)
            .await?;
        let shard = view.shard;
        view.end().await?;
        let mut links = self.open_links(row.into_iter().collect(), shard).await?;
        Ok(Answer { value: links.pop(), stale })
    }

    /// Lists an agent's links in the order of their opening.
    pub async fn links(
        &self,
        viewer: impl Into<Viewer>,
        status: Option<LinkStatus>,
        after: Option<Position>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<LinkView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let after = after.map_or((-1, 0), |after| (sequence_column(after.sequence), i32::from(after.index)));
        let (now, agent, most) = (moment(clock::now()), uuid(viewer.agent().bytes()), rows_for(limit));
        let mut rows = match status {
            None => {
                let rows = link_rows!(
                    "AND (link.opened_sequence, 0) > ($3, $4)
                     ORDER BY link.opened_sequence
                     LIMIT $5",
                    [now, agent, after.0, after.1, most]
                );
                rows.fetch_all(&mut *view.transaction).await?
            }
            Some(status) => {
                let rows = link_rows!(
                    "AND (link.opened_sequence, 0) > ($3, $4)
                     AND standing.status = $6
                     ORDER BY link.opened_sequence
                     LIMIT $5",
                    [now, agent, after.0, after.1, most, status as LinkStatus]
                );
                rows.fetch_all(&mut *view.transaction).await?
            }
        };
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_links(rows, shard).await?, has_more }, stale })
    }

    /// Lists an agent's links, the newest first; `before` is the position of the last one listed.
    pub async fn newest_links(
        &self,
        viewer: impl Into<Viewer>,
        before: Option<Position>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<LinkView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let before = before.map_or(i64::MAX, |before| sequence_column(before.sequence));
        let mut rows = link_rows!(
            "AND link.opened_sequence < $3
             ORDER BY link.opened_sequence DESC
             LIMIT $4",
            [moment(clock::now()), uuid(viewer.agent().bytes()), before, rows_for(limit)]
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_links(rows, shard).await?, has_more }, stale })
    }

    async fn open_links(&self, rows: Vec<LinkRow>, shard: Shard) -> Result<Vec<LinkView>, Error> {
        let owners = rows.iter().map(|row| Owner { address: row.address(), gone: row.erased_at.is_some() });
        let vaults = Vaults::fetch(&self.inner.backbone.opener(), owners).await?;
        rows.into_iter().map(|row| row.view(shard, &vaults)).collect()
    }
}
