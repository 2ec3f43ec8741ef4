//! Sessions, as their agent and their chatter see them.

use domain::abuse::Noticed;
use domain::link::TextSetting;
use domain::session::{EndReason, Standing, Status};
use domain::{Address, AgentId, LinkId, Millis, SessionId, Timestamp};
use nats::{Field, Position, Shard};
use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::columns::{abuse, count, end_reason, moment, recipient, sequence, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::vaults::Owner;
use crate::{Answer, Error, Freshness, PlainText, Queries, Vaults, Viewer, clock};

/// A session's status by the clock: one whose time is up has ended, even if the scheduled command never runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "TEXT", rename_all = "snake_case")]
pub enum SessionStatus {
    /// It holds a place of its link.
    Active,
    /// It is silent and holds no place.
    Idle,
    /// It has ended.
    Ended,
    /// Its texts are erased.
    Erased,
}

impl From<SessionStatus> for Status {
    fn from(status: SessionStatus) -> Self {
        match status {
            SessionStatus::Active => Self::Active,
            SessionStatus::Idle => Self::Idle,
            SessionStatus::Ended => Self::Ended,
            SessionStatus::Erased => Self::Erased,
        }
    }
}

impl TryFrom<Status> for SessionStatus {
    type Error = Error;

    fn try_from(status: Status) -> Result<Self, Error> {
        match status {
            Status::Unknown => Err(Error::Column { column: "status", value: "unknown".to_owned() }),
            Status::Active => Ok(Self::Active),
            Status::Idle => Ok(Self::Idle),
            Status::Ended => Ok(Self::Ended),
            Status::Erased => Ok(Self::Erased),
        }
    }
}

/// A session; texts are absent where none were given, and once they are erased or due to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// The tenant.
    pub agent: AgentId,
    /// Its link.
    pub link: LinkId,
    /// Its status.
    pub status: SessionStatus,
    /// The link's title.
    pub title: Option<PlainText>,
    /// The name under which the agent appears: the link's, else its own.
    pub agent_name: Option<PlainText>,
    /// The name that the chatter chose.
    pub display_name: Option<PlainText>,
    /// The chatter's language (BCP 47).
    pub language: Option<String>,
    /// Which of the link's recipients it is.
    pub recipient: Option<u8>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// When the texts are due to be erased; of an open session at the latest.
    pub erase_at: Timestamp,
    /// When the texts were erased.
    pub erased_at: Option<Timestamp>,
    /// How many messages the chatter may write in all.
    pub max_messages: u32,
    /// How many of them are left.
    pub messages_left: u32,
    /// How many the chatter may write within a minute.
    pub messages_per_minute: u32,
    /// After how long a silence it becomes idle.
    pub idle_timeout: Millis,
    /// The chatter's messages.
    pub chatter_messages: u32,
    /// The agent's messages and questions.
    pub agent_messages: u32,
    /// Since when the chatter waits for the agent; none while nothing is owed.
    pub owed_since: Option<Timestamp>,
    /// When the last message or answer came, or the chatter resumed.
    pub last_word_at: Timestamp,
    /// When the chatter's last message or answer came.
    pub last_chatter_at: Option<Timestamp>,
    /// When the agent's last message or question came.
    pub last_agent_at: Option<Timestamp>,
    /// Fields of open questions without an answer.
    pub open_fields: u32,
    /// What the chatter is suspected of, as the agent was told last.
    pub abuse: Option<Noticed>,
    /// The chatter's rating, 1 to 5.
    pub rating: Option<u8>,
    /// The chatter's comment with it.
    pub feedback: Option<PlainText>,
    /// The position of its start in the log, by which lists are ordered.
    pub position: Position,
    /// The last commit of the session that the answer has taken in.
    pub sequence: u64,
}

/// Reads the sessions that `$listed` finds, in `$order`; the first two parameters are the time and the agent.
///
/// What belongs to a session is looked up for those alone that are on the page.
macro_rules! session_rows {
    ([$($listed:literal),+], $order:literal, [$now:expr, $agent:expr $(, $parameter:expr)*]) => {
        sqlx::query_as!(
            SessionRow,
            r#"
            SELECT
                session.id AS "id!",
                session.agent AS "agent!",
                session.link AS "link!",
                session.status AS "status!: SessionStatus",
                link.title AS "link_title?",
                link.agent_name AS "link_agent_name?",
                link.status = 'erased' AS link_erased,
                agent.name AS "agent_name?",
                session.display_name,
                session.feedback,
                session.language,
                session.recipient,
                session.started_at AS "started_at!",
                session.started_sequence AS "started_sequence!",
                session.expires_at AS "expires_at!",
                session.max_messages AS "max_messages!",
                session.messages_per_minute AS "messages_per_minute!",
                session.idle_timeout_ms AS "idle_timeout_ms!",
                session.keep_after_end_ms AS "keep_after_end_ms!",
                session.chatter_messages AS "chatter_messages!",
                session.agent_messages AS "agent_messages!",
                session.last_word_at AS "last_word_at!",
                session.last_chatter_at,
                session.last_agent_at,
                session.owed_since,
                session.rating,
                session.ended_at,
                session.end_reason,
                session.erased_at,
                session.abuse,
                session.sequence AS "sequence!",
                open.fields AS "open_fields!"
            FROM (
            "# $(+ $listed)+ + r#"
            ) AS session
            -- OFFSET 0 keeps the order: the page is found first.
            LEFT JOIN LATERAL (SELECT title, agent_name, status FROM link WHERE link.id = session.link OFFSET 0) AS link ON true
            LEFT JOIN LATERAL (SELECT name FROM agent WHERE agent.id = session.agent OFFSET 0) AS agent ON true
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(bit_count((((1 << question.fields) - 1) & ~question.answered)::BIT(8))), 0)::BIGINT AS fields
                FROM question
                WHERE question.session = session.id
                AND NOT question.closed
                AND session.status IN ('active', 'idle')
                AND session.expires_at > $1
            ) AS open
            WHERE session.agent = $2
            "# + $order,
            $now,
            $agent
            $(, $parameter)*
        )
    };
}

pub(crate) use session_rows;

/// A session as it is stored, with what belongs to it.
pub(crate) struct SessionRow {
    pub(crate) id: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) link: Uuid,
    pub(crate) status: SessionStatus,
    pub(crate) link_title: Option<Vec<u8>>,
    pub(crate) link_agent_name: Option<Vec<u8>>,
    pub(crate) link_erased: Option<bool>,
    pub(crate) agent_name: Option<String>,
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
    pub(crate) owed_since: Option<OffsetDateTime>,
    pub(crate) rating: Option<i16>,
    pub(crate) ended_at: Option<OffsetDateTime>,
    pub(crate) end_reason: Option<String>,
    pub(crate) erased_at: Option<OffsetDateTime>,
    pub(crate) abuse: Option<i16>,
    pub(crate) sequence: i64,
    pub(crate) open_fields: i64,
}

impl SessionRow {
    fn agent(&self) -> AgentId {
        AgentId::new(self.agent.into_bytes())
    }

    fn address(&self) -> Address {
        Address::session(self.agent(), SessionId::new(self.id.into_bytes()))
    }

    fn link_address(&self) -> Address {
        Address::link(self.agent(), LinkId::new(self.link.into_bytes()))
    }

    fn standing(&self, now: Timestamp) -> Result<Standing, Error> {
        let ended = match (&self.end_reason, self.ended_at) {
            (Some(reason), Some(at)) => Some((end_reason(reason)?, timestamp(at))),
            (None, _) | (_, None) => None,
        };
        let (expires_at, keep) = (timestamp(self.expires_at), Millis(self.keep_after_end_ms));
        Ok(Standing::of(self.status.into(), ended, expires_at, keep, now).expect("a session with a row has started"))
    }

    /// Returns the owners of the texts in the answer; a session without texts needs no key.
    fn owners(&self, standing: &Standing, now: Timestamp) -> impl Iterator<Item = Owner> {
        let link = Owner { address: self.link_address(), gone: self.link_erased != Some(false) };
        let session = Owner { address: self.address(), gone: self.erased_at.is_some() || standing.erase_at <= now };
        let has_texts = self.display_name.is_some() || self.feedback.is_some();
        [link].into_iter().chain(has_texts.then_some(session))
    }

    fn view(self, standing: Standing, shard: Shard, vaults: &Vaults) -> Result<SessionView, Error> {
        let (session, link) = (self.address(), self.link_address());
        let agent_name = vaults.open(link, Field::Setting(TextSetting::AgentName), self.link_agent_name.as_deref())?;
        Ok(SessionView {
            id: SessionId::new(self.id.into_bytes()),
            agent: self.agent(),
            link: LinkId::new(self.link.into_bytes()),
            status: standing.status.try_into()?,
            title: vaults.open(link, Field::Setting(TextSetting::Title), self.link_title.as_deref())?,
            display_name: vaults.open(session, Field::DisplayName, self.display_name.as_deref())?,
            feedback: vaults.open(session, Field::Feedback, self.feedback.as_deref())?,
            recipient: recipient(self.recipient),
            started_at: timestamp(self.started_at),
            expires_at: timestamp(self.expires_at),
            ended_at: standing.ended.map(|(_, at)| at),
            end_reason: standing.ended.map(|(reason, _)| reason),
            erase_at: standing.erase_at,
            erased_at: self.erased_at.map(timestamp),
            max_messages: count(self.max_messages),
            messages_left: count(self.max_messages - self.chatter_messages),
            messages_per_minute: count(self.messages_per_minute),
            idle_timeout: Millis(self.idle_timeout_ms),
            chatter_messages: count(self.chatter_messages),
            agent_messages: count(self.agent_messages),
            owed_since: self.owed_since.map(timestamp),
            last_word_at: timestamp(self.last_word_at),
            last_chatter_at: self.last_chatter_at.map(timestamp),
            last_agent_at: self.last_agent_at.map(timestamp),
            open_fields: count(self.open_fields),
            abuse: abuse(self.abuse)?,
            rating: self.rating.and_then(|rating| u8::try_from(rating).ok()),
            position: Position { shard, sequence: sequence(self.started_sequence), index: 0 },
            sequence: sequence(self.sequence),
            agent_name: agent_name.or(self.agent_name.map(PlainText::from)),
            language: self.language,
        })
    }
}

impl Queries {
    /// Returns a session; `None` where the viewer may see none with that id.
    pub async fn session(
        &self,
        viewer: Viewer,
        session: SessionId,
        fresh: Freshness,
    ) -> Result<Answer<Option<SessionView>>, Error> {
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let now = clock::now();
        let row = session_rows!(
            ["SELECT * FROM session WHERE id = $3"],
            "",
            [moment(now), uuid(viewer.agent().bytes()), uuid(session.bytes())]
        )
        .fetch_optional(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        let mut sessions = self.open_rows(row.into_iter().collect(), shard, now).await?;
        Ok(Answer { value: sessions.pop(), stale })
    }

    /// Opens the texts of rows.
    pub(crate) async fn open_rows(&self, rows: Vec<SessionRow>, shard: Shard, now: Timestamp) -> Result<Vec<SessionView>, Error> {
        let rows = rows.into_iter().map(|row| Ok((row.standing(now)?, row)));
        let rows = rows.collect::<Result<Vec<(Standing, SessionRow)>, Error>>()?;
        let owners: Vec<Owner> = rows.iter().flat_map(|(standing, row)| row.owners(standing, now)).collect();
        let vaults = Vaults::fetch(&self.inner.backbone.opener(), owners).await?;
        rows.into_iter().map(|(standing, row)| row.view(standing, shard, &vaults)).collect()
    }
}
