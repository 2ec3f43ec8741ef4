//! Links, as their agent sees them.

use std::convert::Infallible;

use domain::link::{Convert, Questions, Recipients, Representation, Settings, Standing, Status, Stored, TextSetting};
use domain::{Address, AgentId, LinkId, QuestionId, Sealed, Timestamp};
use nats::{Field, Position, Shard, settings_from_bytes};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::columns::{count, moment, sequence, sequence_column, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::page::{cut, rows_for};
use crate::vaults::Owner;
use crate::{Answer, Error, Freshness, Page, PlainText, Queries, Vaults, Viewer, clock};

/// A link with all its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// The link.
    pub id: LinkId,
    /// The tenant.
    pub agent: AgentId,
    /// How it stands.
    pub status: Standing,
    /// The settings in force, or those that it had.
    pub settings: Settings<Opened>,
    /// How many sessions it has had and has.
    pub counts: LinkCounts,
    /// The number of the token that opens the link: with agent and id it makes the URL.
    pub rotation: u32,
    /// When it was opened.
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

/// Settings as they are shown: texts are absent once they are erased; of a passcode no more is known than that there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {}

impl Representation for Opened {
    type Text = Option<PlainText>;
    type End = Timestamp;
    type Questions = LinkQuestions;
    /// The labels, as the document that was sealed.
    type Recipients = PlainText;
    type MoreRecipients = Infallible;
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
                link.status,
                link.settings,
                link.expires_at,
                rotation, admitted, places_taken, opened_at, opened_sequence, closed_at, erased_at, sequence,
                open.active AS "active!",
                open.idle AS "idle!",
                open.owed AS "owed!"
            FROM link
            -- To find by; what is shown is `domain::link::Standing`, and a test holds them together.
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
    status: String,
    settings: Vec<u8>,
    expires_at: OffsetDateTime,
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

    fn view(self, shard: Shard, vaults: &Vaults, now: Timestamp) -> Result<LinkView, Error> {
        let address = self.address();
        let status = Status::parse(&self.status).ok_or(Error::Column { column: "status", value: self.status })?;
        let closed_at = self.closed_at.map(timestamp);
        let settings = settings_from_bytes(&self.settings)
            .map_err(|error| Error::Column { column: "settings", value: error.to_string() })?;
        Ok(LinkView {
            id: LinkId::new(self.id.into_bytes()),
            agent: address.agent,
            status: Standing::of(status, timestamp(self.expires_at), closed_at, now),
            settings: settings.convert(&mut Opening { vaults, address })?,
            counts: LinkCounts {
                admitted: count(self.admitted),
                places_taken: count(self.places_taken),
                active: count(self.active),
                idle: count(self.idle),
                waiting_for_agent: count(self.owed),
            },
            rotation: count(self.rotation),
            opened_at: timestamp(self.opened_at),
            closed_at,
            erased_at: self.erased_at.map(timestamp),
            position: Position { shard, sequence: sequence(self.opened_sequence), index: 0 },
            sequence: sequence(self.sequence),
        })
    }
}

/// Opens a link's settings.
struct Opening<'a> {
    vaults: &'a Vaults,
    address: Address,
}

impl Opening<'_> {
    fn open(&self, field: Field, sealed: &Sealed) -> Result<Option<PlainText>, Error> {
        self.vaults.open(self.address, field, Some(&sealed.bytes))
    }
}

impl Convert<Stored, Opened> for Opening<'_> {
    type Error = Error;

    fn text(&mut self, which: TextSetting, text: Sealed) -> Result<Option<PlainText>, Error> {
        // Nobody is shown a passcode's verifier.
        if which == TextSetting::Passcode { Ok(None) } else { self.open(Field::Setting(which), &text) }
    }

    fn end(&mut self, end: Timestamp) -> Result<Timestamp, Error> {
        Ok(end)
    }

    fn questions(&mut self, questions: Questions) -> Result<Option<LinkQuestions>, Error> {
        let form = self.open(Field::Form, &questions.form)?;
        Ok(form.map(|form| LinkQuestions { question: questions.question, form }))
    }

    fn recipients(&mut self, recipients: Recipients) -> Result<Option<PlainText>, Error> {
        self.open(Field::Recipients, &recipients.labels)
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
        let now = clock::now();
        let row = link_rows!("AND link.id = $3", [moment(now), uuid(viewer.agent().bytes()), uuid(link.bytes())])
            .fetch_optional(&mut *view.transaction)
            .await?;
        let shard = view.shard;
        view.end().await?;
        let mut links = self.open_links(row.into_iter().collect(), shard, now).await?;
        Ok(Answer { value: links.pop(), stale })
    }

    /// Lists an agent's links in the order of their opening.
    pub async fn links(
        &self,
        viewer: impl Into<Viewer>,
        status: Option<Standing>,
        after: Option<Position>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<LinkView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let now = clock::now();
        let after = after.map_or((-1, 0), |after| (sequence_column(after.sequence), i32::from(after.index)));
        let (agent, most) = (uuid(viewer.agent().bytes()), rows_for(limit));
        let mut rows = match status {
            None => {
                let rows = link_rows!(
                    "AND (link.opened_sequence, 0) > ($3, $4)
                     ORDER BY link.opened_sequence
                     LIMIT $5",
                    [moment(now), agent, after.0, after.1, most]
                );
                rows.fetch_all(&mut *view.transaction).await?
            }
            Some(status) => {
                let rows = link_rows!(
                    "AND (link.opened_sequence, 0) > ($3, $4)
                     AND standing.status = $6
                     ORDER BY link.opened_sequence
                     LIMIT $5",
                    [moment(now), agent, after.0, after.1, most, status.name()]
                );
                rows.fetch_all(&mut *view.transaction).await?
            }
        };
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_links(rows, shard, now).await?, has_more }, stale })
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
        let now = clock::now();
        let before = before.map_or(i64::MAX, |before| sequence_column(before.sequence));
        let mut rows = link_rows!(
            "AND link.opened_sequence < $3
             ORDER BY link.opened_sequence DESC
             LIMIT $4",
            [moment(now), uuid(viewer.agent().bytes()), before, rows_for(limit)]
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_links(rows, shard, now).await?, has_more }, stale })
    }

    async fn open_links(&self, rows: Vec<LinkRow>, shard: Shard, now: Timestamp) -> Result<Vec<LinkView>, Error> {
        let owners = rows.iter().map(|row| Owner { address: row.address(), gone: row.erased_at.is_some() });
        let vaults = Vaults::fetch(&self.inner.backbone.opener(), owners).await?;
        rows.into_iter().map(|row| row.view(shard, &vaults, now)).collect()
    }
}
