//! What others than a key did in a scope after a position, links' events too: what a task waits for.

use domain::KeyId;
use nats::Position;

use crate::columns::{moment, sequence_column, uuid};
use crate::events::EventRow;
use crate::freshness::Snapshot;
use crate::page::rows_for;
use crate::{Answer, Error, EventPage, Freshness, Queries, Scope, Viewer, clock};

/// Which news are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct News<'a> {
    /// The key that wants them; what it did itself is no news to it.
    pub key: KeyId,
    /// Their wire names.
    pub types: &'a [&'a str],
    /// From where on.
    pub after: Position,
}

/// Reads the events of `$scope`; the first seven parameters are the agent, the time, the key, the types, the position's two and the limit.
macro_rules! news_rows {
    ($scope:literal, [$($parameter:expr),+]) => {
        sqlx::query_as!(
            EventRow,
            r#"
            SELECT
                new.sequence AS "sequence!", new.index AS "index!", new.agent AS "agent!", new.link, new.session,
                new.at AS "at!", new.actor AS "actor!", new.key, new.command AS "command!", new.body AS "body!",
                session.erased_at IS NOT NULL
                OR coalesce(session.erase_at, session.expires_at + session.keep_after_end_ms * INTERVAL '1 millisecond') <= $2
                AS gone
            FROM (
                SELECT sequence, index, agent, link, session, at, actor, key, command, body
                FROM event
                WHERE agent = $1
                AND key IS DISTINCT FROM $3
                AND type = ANY ($4)
                AND (sequence, index) > ($5, $6) "#
                + $scope
                + r#"
                ORDER BY sequence, index
                LIMIT $7
            ) AS new
            LEFT JOIN session ON session.id = new.session
            ORDER BY new.sequence, new.index
            "#,
            $($parameter),+
        )
    };
}

impl Queries {
    /// Reads what others than a key did in a scope after a position, oldest first, of these types.
    pub async fn news(
        &self,
        viewer: impl Into<Viewer>,
        scope: Scope,
        news: News<'_>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, Error> {
        let (viewer, News { key, types, after }) = (viewer.into(), news);
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (agent, now, key) = (uuid(viewer.agent().bytes()), moment(clock::now()), uuid(key.bytes()));
        let (after, index, most) = (sequence_column(after.sequence), i32::from(after.index), rows_for(limit));
        let transaction = &mut view.transaction;
        let rows = match scope.within(viewer) {
            Scope::Agent => {
                // The index by agent is of this condition.
                let rows = news_rows!(
                    "AND (type <> 'session.marked_read') IS TRUE",
                    [agent, now, key, types as &[&str], after, index, most]
                );
                rows.fetch_all(&mut **transaction).await?
            }
            Scope::Link(link) => {
                let link = uuid(link.bytes());
                let rows = news_rows!("AND link = $8", [agent, now, key, types as &[&str], after, index, most, link]);
                rows.fetch_all(&mut **transaction).await?
            }
            Scope::Session(session) => {
                let session = uuid(session.bytes());
                let rows = news_rows!("AND session = $8", [agent, now, key, types as &[&str], after, index, most, session]);
                rows.fetch_all(&mut **transaction).await?
            }
        };
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, false).await?, stale })
    }
}
