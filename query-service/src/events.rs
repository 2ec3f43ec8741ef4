//! Events in the order of the log, with the vaults that open their words.

use domain::{Address, AgentId, CommandId, KeyId, LinkId, SessionId};
use nats::{AnyEvent, Fact, Position, Shard};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::columns::{actor, moment, sequence, sequence_column, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::open::Owner;
use crate::page::{cut, rows_for};
use crate::{Answer, Error, EventsError, Freshness, Queries, Vaults, Viewer, clock};

/// Whose events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All of the agent's.
    Agent,
    /// A link's, with those of its sessions.
    Link(LinkId),
    /// A session's.
    Session(SessionId),
}

impl Scope {
    /// Writes the scope as two columns, of which at most one narrows.
    pub(crate) fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Self::Agent => (None, None),
            Self::Link(link) => (Some(uuid(link.bytes())), None),
            Self::Session(session) => (None, Some(uuid(session.bytes()))),
        }
    }
}

/// Which part of a session's history is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// What follows a place, oldest first; `None` is from the beginning.
    After(Option<Position>),
    /// What leads up to a place.
    Before(Position),
    /// The newest.
    Newest,
}

/// Which events are of interest; the default leaves none out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Only those of these wire names (`session.message_posted`).
    pub types: Option<&'a [&'a str]>,
    /// Not what this key did.
    pub not_by: Option<KeyId>,
}

/// A part of the log.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events, always oldest first.
    pub facts: Vec<Fact>,
    /// What opens the words of these events' sessions.
    pub vaults: Vaults,
    /// Whether there are more in the direction of reading: later ones, or where it went backwards, earlier ones.
    pub has_more: bool,
}

/// Reads events with what `$tail` adds; the first four parameters are the agent, the time and the filter's two.
macro_rules! event_rows {
    ($tail:literal, [$agent:expr, $now:expr, $filter:expr $(, $parameter:expr)*]) => {
        sqlx::query_as!(
            EventRow,
            r#"
            SELECT
                event.sequence, index, event.agent, event.link, event.session, event.at, actor, event.key, command, body,
                session.erased_at IS NOT NULL
                OR coalesce(session.erase_at, session.expires_at + session.keep_after_end_ms * INTERVAL '1 millisecond') <= $2
                AS gone
            FROM event
            LEFT JOIN session ON session.id = event.session
            WHERE event.agent = $1
            AND ($3::TEXT[] IS NULL OR event.type = ANY ($3))
            AND ($4::UUID IS NULL OR event.key IS DISTINCT FROM $4)
            "# + $tail,
            $agent,
            $now,
            $filter.types as Option<&[&str]>,
            $filter.not_by.map(|key| uuid(key.bytes()))
            $(, $parameter)*
        )
    };
}

/// An event as it is stored.
pub(crate) struct EventRow {
    pub(crate) sequence: i64,
    pub(crate) index: i32,
    pub(crate) agent: Uuid,
    pub(crate) link: Option<Uuid>,
    pub(crate) session: Option<Uuid>,
    pub(crate) at: OffsetDateTime,
    pub(crate) actor: String,
    pub(crate) key: Option<Uuid>,
    pub(crate) command: Uuid,
    pub(crate) body: Vec<u8>,
    /// Whether the session's words are gone, or due to be.
    pub(crate) gone: Option<bool>,
}

impl EventRow {
    fn address(&self) -> Address {
        let agent = AgentId::new(self.agent.into_bytes());
        match (self.session, self.link) {
            (Some(session), _) => Address::session(agent, SessionId::new(session.into_bytes())),
            (None, Some(link)) => Address::link(agent, LinkId::new(link.into_bytes())),
            (None, None) => Address::agent(agent),
        }
    }

    /// Names whose words the event may hold; links' and agents' events are shown without any.
    fn owner(&self) -> Option<Owner> {
        self.session.map(|_| Owner { address: self.address(), gone: self.gone != Some(false) })
    }

    fn fact(&self, shard: Shard) -> Result<Fact, Error> {
        let address = self.address();
        let position = Position { shard, sequence: sequence(self.sequence), index: u16::try_from(self.index).unwrap_or(0) };
        Ok(Fact {
            address,
            link: self.session.and(self.link).map(|link| LinkId::new(link.into_bytes())),
            position,
            at: timestamp(self.at),
            actor: actor(&self.actor, self.key)?,
            command: CommandId::new(self.command.into_bytes()),
            event: AnyEvent::from_bytes(address.target.into(), &self.body).map_err(|source| Error::Event { position, source })?,
        })
    }
}

impl Queries {
    /// Reads a session's history; empty where the asker may see none of that id.
    pub async fn events(
        &self,
        viewer: Viewer,
        session: SessionId,
        range: Range,
        filter: Filter<'_>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, EventsError> {
        match range {
            Range::After(after) => self.events_after(viewer, Scope::Session(session), after, filter, limit, fresh).await,
            Range::Before(before) => self.events_before(viewer, session, Some(before), filter, limit, fresh).await,
            Range::Newest => self.events_before(viewer, session, None, filter, limit, fresh).await,
        }
    }

    /// Reads what happened in a scope after a place, oldest first; `None` is from the beginning.
    pub async fn agent_events(
        &self,
        viewer: impl Into<Viewer>,
        scope: Scope,
        after: Option<Position>,
        filter: Filter<'_>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, EventsError> {
        self.events_after(viewer.into(), scope, after, filter, limit, fresh).await
    }

    /// Reads the newest answers of some sessions, oldest first.
    pub async fn answers(
        &self,
        agent: AgentId,
        sessions: &[SessionId],
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, Error> {
        let Snapshot { mut view, stale } = self.snapshot(Viewer::Agent(agent), fresh).await?;
        let (agent, now) = (uuid(agent.bytes()), moment(clock::now()));
        let filter = Filter { types: Some(&["session.question_answered"]), not_by: None };
        let sessions: Vec<Uuid> = sessions.iter().map(|session| uuid(session.bytes())).collect();
        let rows = event_rows!(
            "AND event.session = ANY ($5)
             ORDER BY event.sequence DESC, index DESC
             LIMIT $6",
            [agent, now, filter, &sessions, rows_for(limit)]
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, true).await?, stale })
    }

    async fn events_after(
        &self,
        viewer: Viewer,
        scope: Scope,
        after: Option<Position>,
        filter: Filter<'_>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, EventsError> {
        let Snapshot { mut view, stale } = self.snapshot_at(viewer, after, fresh).await?;
        let (agent, now) = (uuid(viewer.agent().bytes()), moment(clock::now()));
        let (after, index) = after.map_or((-1, 0), |after| (sequence_column(after.sequence), i32::from(after.index)));
        let transaction = &mut *view.transaction;
        let most = rows_for(limit);
        // One statement a scope, so that each has its own index.
        let rows = match scope {
            Scope::Agent => {
                let rows = event_rows!(
                    "AND (event.sequence, index) > ($5, $6)
                     ORDER BY event.sequence, index
                     LIMIT $7",
                    [agent, now, filter, after, index, most]
                );
                rows.fetch_all(transaction).await?
            }
            Scope::Link(link) => {
                let rows = event_rows!(
                    "AND (event.sequence, index) > ($5, $6)
                     AND event.link = $8
                     ORDER BY event.sequence, index
                     LIMIT $7",
                    [agent, now, filter, after, index, most, uuid(link.bytes())]
                );
                rows.fetch_all(transaction).await?
            }
            Scope::Session(session) => {
                let rows = event_rows!(
                    "AND (event.sequence, index) > ($5, $6)
                     AND event.session = $8
                     ORDER BY event.sequence, index
                     LIMIT $7",
                    [agent, now, filter, after, index, most, uuid(session.bytes())]
                );
                rows.fetch_all(transaction).await?
            }
        };
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, false).await?, stale })
    }

    async fn events_before(
        &self,
        viewer: Viewer,
        session: SessionId,
        before: Option<Position>,
        filter: Filter<'_>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, EventsError> {
        let Snapshot { mut view, stale } = self.snapshot_at(viewer, before, fresh).await?;
        let (agent, now) = (uuid(viewer.agent().bytes()), moment(clock::now()));
        let (before, index) =
            before.map_or((i64::MAX, i32::MAX), |before| (sequence_column(before.sequence), i32::from(before.index)));
        let rows = event_rows!(
            "AND (event.sequence, index) < ($5, $6)
             AND event.session = $8
             ORDER BY event.sequence DESC, index DESC
             LIMIT $7",
            [agent, now, filter, before, index, rows_for(limit), uuid(session.bytes())]
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, true).await?, stale })
    }

    /// Begins a snapshot that has reached `place` too; refuses a place that the log does not have.
    async fn snapshot_at(&self, viewer: Viewer, place: Option<Position>, fresh: Freshness) -> Result<Snapshot, EventsError> {
        let Some(place) = place else { return Ok(self.snapshot(viewer, fresh).await?) };
        let shard = self.inner.backbone.shard_of(viewer.agent());
        if place.shard != shard {
            return Err(EventsError::Reset);
        }
        let fresh = Freshness { at_least: fresh.at_least.map(|sequence| sequence.max(place.sequence)) };
        let snapshot = self.snapshot(viewer, fresh).await?;
        if snapshot.view.reached < place.sequence && self.inner.backbone.end(shard).await.map_err(Error::from)? < place.sequence {
            return Err(EventsError::Reset);
        }
        Ok(snapshot)
    }

    /// Makes a page of rows, one too many where there are more.
    pub(crate) async fn page(
        &self,
        mut rows: Vec<EventRow>,
        shard: Shard,
        limit: u16,
        backwards: bool,
    ) -> Result<EventPage, Error> {
        let has_more = cut(&mut rows, limit);
        if backwards {
            rows.reverse();
        }
        let vaults = Vaults::fetch(&self.inner.backbone.opener(), rows.iter().filter_map(EventRow::owner)).await?;
        let facts = rows.iter().map(|row| row.fact(shard)).collect::<Result<_, _>>()?;
        Ok(EventPage { facts, vaults, has_more })
    }
}
