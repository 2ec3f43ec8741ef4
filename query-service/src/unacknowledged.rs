//! What a key has not acknowledged: all that an agent needs to go on after a restart.

use domain::KeyId;

use crate::columns::{moment, uuid};
use crate::events::EventRow;
use crate::freshness::Snapshot;
use crate::page::rows_for;
use crate::{Answer, Error, EventPage, Filter, Freshness, Queries, Scope, Viewer, clock};

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
}
