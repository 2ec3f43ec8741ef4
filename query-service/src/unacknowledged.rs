//! The events that a key has not acknowledged, from which an agent continues after a restart.

use domain::KeyId;
use sqlx::types::Uuid;
use sqlx::{Postgres, Transaction};

use crate::columns::{moment, uuid};
use crate::events::EventRow;
use crate::freshness::Snapshot;
use crate::page::rows_for;
use crate::{Answer, Error, EventPage, Freshness, Queries, Scope, Viewer, clock};

/// Reads the events of the sessions of `$waiting` that hold something new; the first five parameters are the agent, the time, the key,
/// the types and the limit.
///
/// As many sessions as events are wanted are enough: each is in the order of its first event, so the oldest events are among theirs.
macro_rules! rows_of {
    ([$($waiting:literal),+], [$($parameter:expr),+]) => {
        sqlx::query_as!(
            EventRow,
            r#"
            SELECT
                new.sequence AS "sequence!", new.index AS "index!", new.agent AS "agent!", new.link, new.session,
                new.at AS "at!", new.actor AS "actor!", new.key, new.command AS "command!", new.body AS "body!",
                coalesce(session.erase_at, session.expires_at + session.keep_after_end_ms * INTERVAL '1 millisecond') <= $2 AS gone
            FROM (
                "# + $($waiting + )+ r#"
                ORDER BY since
                LIMIT $5
            ) AS waiting
            -- OFFSET 0 keeps the order: what waits is found first.
            CROSS JOIN LATERAL (SELECT * FROM session WHERE session.id = waiting.session OFFSET 0) AS session
            CROSS JOIN LATERAL (
                SELECT sequence, index, agent, link, session, at, actor, key, command, body
                FROM event
                WHERE event.session = waiting.session
                AND event.sequence >= waiting.since
                AND event.key IS DISTINCT FROM $3
                AND event.type = ANY ($4)
                ORDER BY event.sequence, event.index
                LIMIT $5
            ) AS new
            WHERE session.status <> 'erased'
            ORDER BY new.sequence, new.index
            LIMIT $5
            "#,
            $($parameter),+
        )
    };
}

/// As [`rows_of`], of the sessions that hold something new to a key for which that is kept.
macro_rules! new_rows {
    ($scope:literal, $parameters:tt) => {
        rows_of!(["SELECT session, since FROM unread WHERE agent = $1 AND key = $3 ", $scope], $parameters)
    };
}

/// As [`rows_of`], of all sessions that are not erased: to a key that has read nothing yet, and was not issued, all is new.
macro_rules! all_rows {
    ($scope:literal, $parameters:tt) => {
        rows_of!(
            [
                "SELECT session, since
                FROM (
                    (
                        SELECT id AS session, started_sequence AS since
                        FROM session
                        WHERE agent = $1
                        AND status = 'active' ",
                $scope,
                "       ORDER BY started_sequence
                        LIMIT $5
                    )
                    UNION ALL
                    (
                        SELECT id, started_sequence
                        FROM session
                        WHERE agent = $1
                        AND status = 'idle' ",
                $scope,
                "       ORDER BY started_sequence
                        LIMIT $5
                    )
                    UNION ALL
                    (
                        SELECT id, started_sequence
                        FROM session
                        WHERE agent = $1
                        AND status = 'ended' ",
                $scope,
                "       ORDER BY started_sequence
                        LIMIT $5
                    )
                ) AS session"
            ],
            $parameters
        )
    };
}

impl Queries {
    /// Reads what others than the key did after its acknowledged position in every session of a scope that is not erased, oldest first.
    /// Events of links and agents are not included, because positions are acknowledged by session.
    pub async fn unacknowledged(
        &self,
        viewer: impl Into<Viewer>,
        scope: Scope,
        key: KeyId,
        types: &[&str],
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<EventPage>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (agent, now, most) = (uuid(viewer.agent().bytes()), moment(clock::now()), rows_for(limit));
        let (transaction, key) = (&mut view.transaction, uuid(key.bytes()));
        let scope = scope.within(viewer);
        let mut rows = match scope {
            Scope::Agent => new_rows!("", [agent, now, key, types as &[&str], most]).fetch_all(&mut **transaction).await?,
            Scope::Link(link) => {
                let rows = new_rows!("AND link = $6", [agent, now, key, types as &[&str], most, uuid(link.bytes())]);
                rows.fetch_all(&mut **transaction).await?
            }
            Scope::Session(session) => {
                let rows = new_rows!("AND session = $6", [agent, now, key, types as &[&str], most, uuid(session.bytes())]);
                rows.fetch_all(&mut **transaction).await?
            }
        };
        if rows.is_empty() && reads_for_the_first_time(transaction, viewer, key).await? {
            rows = match scope {
                Scope::Agent => all_rows!("", [agent, now, key, types as &[&str], most]).fetch_all(&mut **transaction).await?,
                Scope::Link(link) => {
                    let rows = all_rows!("AND link = $6", [agent, now, key, types as &[&str], most, uuid(link.bytes())]);
                    rows.fetch_all(&mut **transaction).await?
                }
                Scope::Session(session) => {
                    let rows = all_rows!("AND id = $6", [agent, now, key, types as &[&str], most, uuid(session.bytes())]);
                    rows.fetch_all(&mut **transaction).await?
                }
            };
        }
        let shard = view.shard;
        view.end().await?;
        Ok(Answer { value: self.page(rows, shard, limit, false).await?, stale })
    }
}

/// Tells whether what is new to a key is not kept yet: it was not issued, but comes with an access token, and has no read mark.
///
/// A key that is limited to one link was issued.
pub(crate) async fn reads_for_the_first_time(
    transaction: &mut Transaction<'static, Postgres>,
    viewer: Viewer,
    key: Uuid,
) -> Result<bool, Error> {
    if viewer.link().is_some() {
        return Ok(false);
    }
    let is_new = sqlx::query_scalar!(
        r#"SELECT
            NOT EXISTS (SELECT FROM agent_key WHERE id = $1)
            AND NOT EXISTS (SELECT FROM token_key WHERE key = $1) AS "is_new!""#,
        key
    )
    .fetch_one(&mut **transaction)
    .await?;
    Ok(is_new)
}
