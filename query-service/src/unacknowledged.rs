//! What a key has not acknowledged: all that an agent needs to go on after a restart.

use domain::{KeyId, SessionId};
use nats::Position;

use crate::columns::{moment, sequence, sequence_column, uuid};
use crate::events::EventRow;
use crate::freshness::Snapshot;
use crate::page::{cut, rows_for};
use crate::{Answer, Error, EventPage, Filter, Freshness, Page, Queries, Scope, Viewer, clock};

/// The most sessions whose marks are found at once.
const MOST: u16 = 500;

/// A session with something that a key has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// The session.
    pub session: SessionId,
    /// The last commit in question.
    pub upto: u64,
}

impl Queries {
    /// Reads what follows the key's kept position in every session of a scope that is not erased, oldest first.
    /// Events of links and agents are not among it, for no position is kept of them.
    pub async fn unacknowledged(
        &self,
        viewer: impl Into<Viewer>,
        scope: Scope,
        key: KeyId,
        filter: Filter<'_>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (link, session) = scope.columns();
        let rows = sqlx::query_as!(
            EventRow,
            r#"
            SELECT
                new.sequence AS "sequence!", new.index AS "index!", new.agent AS "agent!", new.link, new.session,
                new.at AS "at!", new.actor AS "actor!", new.key, new.command AS "command!", new.body AS "body!",
                coalesce(session.erase_at, session.expires_at + session.keep_after_end_ms * INTERVAL '1 millisecond') <= $2 AS gone
            FROM session
            LEFT JOIN read_mark ON read_mark.session = session.id AND read_mark.key = $5
            CROSS JOIN LATERAL (
                SELECT sequence, index, agent, link, session, at, actor, key, command, body
                FROM event
                WHERE event.session = session.id
                AND event.sequence > coalesce(read_mark.upto, 0)
                AND ($3::TEXT[] IS NULL OR event.type = ANY ($3))
                AND ($4::UUID IS NULL OR event.key IS DISTINCT FROM $4)
                ORDER BY event.sequence, event.index
                LIMIT $8
            ) AS new
            WHERE session.agent = $1
            AND ($6::UUID IS NULL OR session.link = $6)
            AND ($7::UUID IS NULL OR session.id = $7)
            AND session.status <> 'erased'
            AND session.sequence > coalesce(read_mark.upto, 0)
            ORDER BY new.sequence, new.index
            LIMIT $8
            "#,
            uuid(viewer.agent().bytes()),
            moment(clock::now()),
            filter.types as Option<&[&str]>,
            filter.not_by.map(|key| uuid(key.bytes())),
            uuid(key.bytes()),
            link,
            session,
            rows_for(limit)
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, false).await?, stale })
    }

    /// Finds the sessions of a scope that are not erased and have something up to a position that the key has not acknowledged, those with
    /// the oldest first; at most 500. Not a word is opened for that.
    pub async fn unread(
        &self,
        viewer: impl Into<Viewer>,
        scope: Scope,
        key: KeyId,
        filter: Filter<'_>,
        upto: Position,
        fresh: Freshness,
    ) -> Result<Answer<Page<Unread>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (link, session) = scope.columns();
        let mut rows = sqlx::query!(
            r#"
            SELECT session.id, new.sequence AS "sequence!"
            FROM session
            LEFT JOIN read_mark ON read_mark.session = session.id AND read_mark.key = $4
            CROSS JOIN LATERAL (
                SELECT sequence
                FROM event
                WHERE event.session = session.id
                AND event.sequence > coalesce(read_mark.upto, 0)
                AND (event.sequence, event.index) <= ($7, $8)
                AND ($2::TEXT[] IS NULL OR event.type = ANY ($2))
                AND ($3::UUID IS NULL OR event.key IS DISTINCT FROM $3)
                ORDER BY event.sequence DESC, event.index DESC
                LIMIT 1
            ) AS new
            WHERE session.agent = $1
            AND ($5::UUID IS NULL OR session.link = $5)
            AND ($6::UUID IS NULL OR session.id = $6)
            AND session.status <> 'erased'
            AND session.sequence > coalesce(read_mark.upto, 0)
            ORDER BY new.sequence
            LIMIT $9
            "#,
            uuid(viewer.agent().bytes()),
            filter.types as Option<&[&str]>,
            filter.not_by.map(|key| uuid(key.bytes())),
            uuid(key.bytes()),
            link,
            session,
            sequence_column(upto.sequence),
            i32::from(upto.index),
            rows_for(MOST)
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        view.end().await?;
        let has_more = cut(&mut rows, MOST);
        let items =
            rows.into_iter().map(|row| Unread { session: SessionId::new(row.id.into_bytes()), upto: sequence(row.sequence) });
        Ok(Answer { value: Page { items: items.collect(), has_more }, stale })
    }
}
