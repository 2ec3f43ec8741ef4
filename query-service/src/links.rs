//! Links, as their agent sees them.

use std::convert::Infallible;

use domain::link::{Convert, Questions, Recipients, Representation, Settings, Standing, Status, Stored, TextSetting};
use domain::{Address, AgentId, LinkId, QuestionId, Sealed, Timestamp};
use nats::{Field, Position, Shard, settings_from_bytes};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::columns::{count, moment, sequence, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::vaults::Owner;
use crate::{Answer, Error, Freshness, PlainText, Queries, Vaults, Viewer, clock};

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

/// Reads the links that `$listed` finds, in `$order`; the first two parameters are the time and the agent.
///
/// A link's sessions are counted for those links alone that are on the page.
macro_rules! link_rows {
    ([$($listed:literal),+], $order:literal, [$now:expr, $agent:expr $(, $parameter:expr)*]) => {
        sqlx::query_as!(
            LinkRow,
            r#"
            SELECT
                link.id AS "id!",
                link.agent AS "agent!",
                link.status AS "status!",
                link.settings AS "settings!",
                link.expires_at AS "expires_at!",
                link.rotation AS "rotation!",
                link.admitted AS "admitted!",
                link.places_taken AS "places_taken!",
                link.opened_at AS "opened_at!",
                link.opened_sequence AS "opened_sequence!",
                link.closed_at,
                link.erased_at,
                link.sequence AS "sequence!",
                open.active AS "active!",
                open.idle AS "idle!",
                open.owed AS "owed!"
            FROM (
            "# $(+ $listed)+ + r#"
            ) AS link
            CROSS JOIN LATERAL (
                SELECT
                    count(*) FILTER (WHERE session.status = 'active') AS active,
                    count(*) FILTER (WHERE session.status = 'idle') AS idle,
                    count(*) FILTER (WHERE session.owed_since IS NOT NULL) AS owed
                FROM session
                WHERE session.agent = link.agent
                AND session.link = link.id
                AND session.status IN ('active', 'idle')
                AND session.expires_at > $1
            ) AS open
            WHERE link.agent = $2
            "# + $order,
            $now,
            $agent
            $(, $parameter)*
        )
    };
}
pub(crate) use link_rows;

/// A link as it is stored, with its sessions counted.
pub(crate) struct LinkRow {
    pub(crate) id: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) status: String,
    pub(crate) settings: Vec<u8>,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) rotation: i64,
    pub(crate) admitted: i64,
    pub(crate) places_taken: i64,
    pub(crate) opened_at: OffsetDateTime,
    pub(crate) opened_sequence: i64,
    pub(crate) closed_at: Option<OffsetDateTime>,
    pub(crate) erased_at: Option<OffsetDateTime>,
    pub(crate) sequence: i64,
    pub(crate) active: i64,
    pub(crate) idle: i64,
    pub(crate) owed: i64,
}

impl LinkRow {
    fn address(&self) -> Address {
        Address::link(AgentId::new(self.agent.into_bytes()), LinkId::new(self.id.into_bytes()))
    }

    /// Judges how the link stands by the clock.
    pub(crate) fn standing(&self, now: Timestamp) -> Result<Standing, Error> {
        let status = Status::parse(&self.status).ok_or_else(|| Error::Column { column: "status", value: self.status.clone() })?;
        Ok(Standing::of(status, timestamp(self.expires_at), self.closed_at.map(timestamp), now))
    }

    fn view(self, shard: Shard, vaults: &Vaults, now: Timestamp) -> Result<LinkView, Error> {
        let address = self.address();
        let status = self.standing(now)?;
        let settings = settings_from_bytes(&self.settings)
            .map_err(|error| Error::Column { column: "settings", value: error.to_string() })?;
        Ok(LinkView {
            id: LinkId::new(self.id.into_bytes()),
            agent: address.agent,
            status,
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
            closed_at: self.closed_at.map(timestamp),
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
        let row =
            link_rows!(["SELECT * FROM link WHERE id = $3"], "", [moment(now), uuid(viewer.agent().bytes()), uuid(link.bytes())])
                .fetch_optional(&mut *view.transaction)
                .await?;
        let shard = view.shard;
        view.end().await?;
        let mut links = self.open_links(row.into_iter().collect(), shard, now).await?;
        Ok(Answer { value: links.pop(), stale })
    }

    /// Opens the texts of rows.
    pub(crate) async fn open_links(&self, rows: Vec<LinkRow>, shard: Shard, now: Timestamp) -> Result<Vec<LinkView>, Error> {
        let owners = rows.iter().map(|row| Owner { address: row.address(), gone: row.erased_at.is_some() });
        let vaults = Vaults::fetch(&self.inner.backbone.opener(), owners).await?;
        rows.into_iter().map(|row| row.view(shard, &vaults, now)).collect()
    }
}
