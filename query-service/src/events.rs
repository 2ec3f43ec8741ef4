//! Events in the order of the log, with the vaults that open their texts.

use domain::{Address, AgentId, CommandId, KeyId, LinkId, SessionId};
use nats::{AnyEvent, Fact, Position, Shard};
use sqlx::types::Uuid;
use time::OffsetDateTime;

use crate::columns::{actor, moment, sequence, sequence_column, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::page::{cut, rows_for};
use crate::vaults::Owner;
use crate::{Answer, Error, EventsError, Freshness, Queries, Vaults, Viewer, clock};

/// Which events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All events of the agent, its links and its sessions.
    Agent,
    /// A link's and its sessions'.
    Link(LinkId),
    /// A session's.
    Session(SessionId),
}

impl Scope {
    /// Narrows the scope to what the viewer may see, so that rows are looked for nowhere else.
    pub(crate) fn within(self, viewer: Viewer) -> Self {
        match (self, viewer.link()) {
            (Self::Agent, Some(link)) => Self::Link(link),
            (scope, _) => scope,
        }
    }
}

/// Which part of a session's history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// What follows a position, oldest first; `None` is from the beginning.
    After(Option<Position>),
    /// What precedes a position.
    Before(Position),
    /// The newest.
    Newest,
}

/// Which events are wanted; the default leaves none out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Only those of these wire names (`session.message_posted`).
    pub types: Option<&'a [&'a str]>,
    /// Not those that this key caused.
    pub not_by: Option<KeyId>,
}

/// Stands for no key where events of one key are left out: no key has this id, and events without a key differ from it.
const NO_KEY: Uuid = Uuid::nil();

impl Filter<'_> {
    /// Returns the key whose events are left out, or [`NO_KEY`].
    pub(crate) fn excluded_key(&self) -> Uuid {
        self.not_by.map_or(NO_KEY, |key| uuid(key.bytes()))
    }
}

/// A part of the log.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// The events, always oldest first.
    pub facts: Vec<Fact>,
    /// The vaults of these events' sessions.
    pub vaults: Vaults,
    /// Whether there are more in the direction of reading: later ones, or where it went backwards, earlier ones.
    pub has_more: bool,
}

/// Reads events with what the tail adds; the first three parameters are the agent, the time and the key whose events are left
/// out.
macro_rules! event_rows {
    ([$($tail:literal),+], [$agent:expr, $now:expr, $not_by:expr $(, $parameter:expr)*]) => {
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
            AND event.key IS DISTINCT FROM $3
            "# $(+ $tail)+,
            $agent,
            $now,
            $not_by
            $(, $parameter)*
        )
    };
}

/// Runs [`event_rows`] with or without a condition on the types, which is the last parameter: each has its own statement and
/// plan.
macro_rules! fetch_events {
    ($connection:expr, $types:expr, $typed:literal, $tail:literal, [$($parameter:expr),+]) => {
        match $types {
            None => event_rows!([$tail], [$($parameter),+]).fetch_all($connection).await?,
            Some(types) => event_rows!([$typed, $tail], [$($parameter),+, types as &[&str]]).fetch_all($connection).await?,
        }
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
    /// Whether the session's texts are erased, or due to be.
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

    /// Returns the owner of the event's texts; events of links and agents are shown without texts.
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
    /// Reads a session's history; empty where the viewer may see no session with that id.
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
            Range::After(after) => self.events_after(viewer, session, after, filter, limit, fresh).await,
            Range::Before(before) => self.events_before(viewer, session, Some(before), filter, limit, fresh).await,
            Range::Newest => self.events_before(viewer, session, None, filter, limit, fresh).await,
        }
    }

    /// Reads the newest answers of some sessions, and how their questions were closed, oldest first.
    pub async fn answers(
        &self,
        agent: AgentId,
        sessions: &[SessionId],
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, Error> {
        let Snapshot { mut view, stale } = self.snapshot(Viewer::Agent(agent), fresh).await?;
        let (agent, now) = (uuid(agent.bytes()), moment(clock::now()));
        let sessions: Vec<Uuid> = sessions.iter().map(|session| uuid(session.bytes())).collect();
        // Session by session: in the order of all events one would be looked for among all that there are.
        let rows = sqlx::query_as!(
            EventRow,
            r#"
            SELECT
                event.sequence AS "sequence!", event.index AS "index!", event.agent AS "agent!", event.link, event.session,
                event.at AS "at!", event.actor AS "actor!", event.key, event.command AS "command!", event.body AS "body!",
                session.erased_at IS NOT NULL
                OR coalesce(session.erase_at, session.expires_at + session.keep_after_end_ms * INTERVAL '1 millisecond') <= $2
                AS gone
            FROM session
            CROSS JOIN LATERAL (
                SELECT sequence, index, agent, link, session, at, actor, key, command, body
                FROM event
                WHERE event.session = session.id
                AND event.type IN ('session.question_answered', 'session.question_closed')
                ORDER BY event.sequence DESC, event.index DESC
                LIMIT $4
            ) AS event
            WHERE session.agent = $1
            AND session.id = ANY ($3)
            ORDER BY event.sequence DESC, event.index DESC
            LIMIT $4
            "#,
            agent,
            now,
            &sessions,
            rows_for(limit)
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
        session: SessionId,
        after: Option<Position>,
        filter: Filter<'_>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, EventsError> {
        let Snapshot { mut view, stale } = self.snapshot_at(viewer, after, fresh).await?;
        let (agent, now) = (uuid(viewer.agent().bytes()), moment(clock::now()));
        let (after, index) = after.map_or((-1, 0), |after| (sequence_column(after.sequence), i32::from(after.index)));
        let rows = fetch_events!(
            &mut *view.transaction,
            filter.types,
            "AND event.type = ANY ($8)",
            "AND (event.sequence, index) > ($4, $5)
             AND event.session = $7
             ORDER BY event.sequence, index
             LIMIT $6",
            [agent, now, filter.excluded_key(), after, index, rows_for(limit), uuid(session.bytes())]
        );
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
        let rows = fetch_events!(
            &mut *view.transaction,
            filter.types,
            "AND event.type = ANY ($8)",
            "AND (event.sequence, index) < ($4, $5)
             AND event.session = $7
             ORDER BY event.sequence DESC, index DESC
             LIMIT $6",
            [agent, now, filter.excluded_key(), before, index, rows_for(limit), uuid(session.bytes())]
        );
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, true).await?, stale })
    }

    /// Begins a snapshot that has reached `position` too; rejects a position that the log does not have.
    async fn snapshot_at(&self, viewer: Viewer, position: Option<Position>, fresh: Freshness) -> Result<Snapshot, EventsError> {
        let Some(position) = position else { return Ok(self.snapshot(viewer, fresh).await?) };
        let shard = self.inner.backbone.shard_of(viewer.agent());
        if position.shard != shard {
            return Err(EventsError::Reset);
        }
        let fresh = Freshness { at_least: fresh.at_least.map(|sequence| sequence.max(position.sequence)) };
        let snapshot = self.snapshot(viewer, fresh).await?;
        if snapshot.view.reached < position.sequence
            && self.inner.backbone.end(shard).await.map_err(Error::from)? < position.sequence
        {
            return Err(EventsError::Reset);
        }
        Ok(snapshot)
    }

    /// Makes a page of rows; one row more than the limit means that there are more.
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
