//! The events that a key has not acknowledged, from which an agent continues after a restart.

use domain::KeyId;

use crate::columns::{moment, uuid};
use crate::events::EventRow;
use crate::freshness::Snapshot;
use crate::page::rows_for;
use crate::{Answer, Error, EventPage, Filter, Freshness, Queries, Scope, Viewer, clock};

/// Reads the events of `$types` in the sessions of `$scope`; the first five parameters are the agent, the time, the key whose
/// events are
/// left out, the asking key and the limit.
macro_rules! new_rows {
    ($types:literal, $scope:literal, [$($parameter:expr),+]) => {
        sqlx::query_as!(
            EventRow,
            r#"
            SELECT
                new.sequence AS "sequence!", new.index AS "index!", new.agent AS "agent!", new.link, new.session,
                new.at AS "at!", new.actor AS "actor!", new.key, new.command AS "command!", new.body AS "body!",
                coalesce(session.erase_at, session.expires_at + session.keep_after_end_ms * INTERVAL '1 millisecond') <= $2 AS gone
            FROM session
            LEFT JOIN read_mark ON read_mark.session = session.id AND read_mark.key = $4
            CROSS JOIN LATERAL (
                SELECT sequence, index, agent, link, session, at, actor, key, command, body
                FROM event
                WHERE event.session = session.id
                AND event.sequence > coalesce(read_mark.upto, 0)
                AND event.key IS DISTINCT FROM $3
                "# + $types + r#"
                ORDER BY event.sequence, event.index
                LIMIT $5
            ) AS new
            WHERE session.agent = $1
            "# + $scope + r#"
            AND session.status <> 'erased'
            AND session.sequence > coalesce(read_mark.upto, 0)
            ORDER BY new.sequence, new.index
            LIMIT $5
            "#,
            $($parameter),+
        )
    };
}

/// Runs [`new_rows`] with or without a condition on the types, which is the last parameter.
macro_rules! fetch_new {
    ($connection:expr, $types:expr, $typed:literal, $scope:literal, [$($parameter:expr),+]) => {
        match $types {
            None => new_rows!("", $scope, [$($parameter),+]).fetch_all($connection).await?,
            Some(types) => new_rows!($typed, $scope, [$($parameter),+, types as &[&str]]).fetch_all($connection).await?,
        }
    };
}

impl Queries {
    /// Reads what follows the key's acknowledged position in every session of a scope that is not erased, oldest first.
    /// Events of links and agents are not included, because positions are acknowledged by session.
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
        let (agent, now, most) = (uuid(viewer.agent().bytes()), moment(clock::now()), rows_for(limit));
        let (transaction, not_by, key) = (&mut *view.transaction, filter.excluded_key(), uuid(key.bytes()));
        let rows = match scope {
            Scope::Agent => {
                fetch_new!(transaction, filter.types, "AND event.type = ANY ($6)", "", [agent, now, not_by, key, most])
            }
            Scope::Link(link) => fetch_new!(
                transaction,
                filter.types,
                "AND event.type = ANY ($7)",
                "AND session.link = $6",
                [agent, now, not_by, key, most, uuid(link.bytes())]
            ),
            Scope::Session(session) => fetch_new!(
                transaction,
                filter.types,
                "AND event.type = ANY ($7)",
                "AND session.id = $6",
                [agent, now, not_by, key, most, uuid(session.bytes())]
            ),
        };
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, false).await?, stale })
    }
}
