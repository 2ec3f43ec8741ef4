//! The sessions that hold something a key has not acknowledged: what a cursor acknowledges, without opening a text.

use domain::{KeyId, SessionId};
use nats::Position;

use crate::columns::{sequence, sequence_column, uuid};
use crate::freshness::Snapshot;
use crate::page::{cut, rows_for};
use crate::unacknowledged::reads_for_the_first_time;
use crate::{Answer, Error, Freshness, Page, Queries, Scope, Viewer};

/// The most sessions that one answer names.
const MOST: u16 = 500;

/// A session with something that a key has not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unread {
    /// The session.
    pub session: SessionId,
    /// The last commit of which that is so.
    pub upto: u64,
}

/// Finds the sessions of `$waiting`; the first six parameters are the agent, the key, the types, the position's two and the limit.
macro_rules! rows_of {
    ([$($waiting:literal),+], [$($parameter:expr),+]) => {
        sqlx::query_as!(
            Row,
            r#"
            SELECT waiting.session AS id, new.sequence AS "sequence!"
            FROM (
                "# + $($waiting + )+ r#"
                ORDER BY since
                LIMIT $6
            ) AS waiting
            CROSS JOIN LATERAL (
                SELECT sequence
                FROM event
                WHERE event.session = waiting.session
                AND event.sequence >= waiting.since
                AND (event.sequence, event.index) <= ($4, $5)
                AND event.key IS DISTINCT FROM $2
                AND event.type = ANY ($3)
                ORDER BY event.sequence DESC, event.index DESC
                LIMIT 1
            ) AS new
            ORDER BY new.sequence
            "#,
            $($parameter),+
        )
    };
}

/// As [`rows_of`], of the sessions that hold something new to a key for which that is kept.
macro_rules! unread_rows {
    ($scope:literal, $parameters:tt) => {
        rows_of!(["SELECT session, since FROM unread WHERE agent = $1 AND key = $2 AND since <= $4 ", $scope], $parameters)
    };
}

/// As [`rows_of`], of all sessions that are not erased: to a key that has read nothing yet, and was not issued, all is new.
macro_rules! all_rows {
    ($scope:literal, $parameters:tt) => {
        rows_of!(
            [
                "SELECT id AS session, started_sequence AS since
                FROM session
                WHERE agent = $1
                AND status <> 'erased'
                AND started_sequence <= $4 ",
                $scope
            ],
            $parameters
        )
    };
}

struct Row {
    id: sqlx::types::Uuid,
    sequence: i64,
}

impl Queries {
    /// Finds the sessions of a scope, none of them erased, in which others than the key did something of these types up to a position that
    /// the key has not acknowledged: the 500 that have waited longest at most, in the order of their last such event.
    pub async fn unread(
        &self,
        viewer: impl Into<Viewer>,
        scope: Scope,
        key: KeyId,
        types: &[&str],
        upto: Position,
        fresh: Freshness,
    ) -> Result<Answer<Page<Unread>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (agent, key, most) = (uuid(viewer.agent().bytes()), uuid(key.bytes()), rows_for(MOST));
        let (last, index) = (sequence_column(upto.sequence), i32::from(upto.index));
        let transaction = &mut view.transaction;
        let scope = scope.within(viewer);
        let mut rows = match scope {
            Scope::Agent => {
                unread_rows!("", [agent, key, types as &[&str], last, index, most]).fetch_all(&mut **transaction).await?
            }
            Scope::Link(link) => {
                let link = uuid(link.bytes());
                let rows = unread_rows!("AND link = $7", [agent, key, types as &[&str], last, index, most, link]);
                rows.fetch_all(&mut **transaction).await?
            }
            Scope::Session(session) => {
                let session = uuid(session.bytes());
                let rows = unread_rows!("AND session = $7", [agent, key, types as &[&str], last, index, most, session]);
                rows.fetch_all(&mut **transaction).await?
            }
        };
        if rows.is_empty() && reads_for_the_first_time(transaction, viewer, key).await? {
            rows = match scope {
                Scope::Agent => {
                    all_rows!("", [agent, key, types as &[&str], last, index, most]).fetch_all(&mut **transaction).await?
                }
                Scope::Link(link) => {
                    let link = uuid(link.bytes());
                    let rows = all_rows!("AND link = $7", [agent, key, types as &[&str], last, index, most, link]);
                    rows.fetch_all(&mut **transaction).await?
                }
                Scope::Session(session) => {
                    let session = uuid(session.bytes());
                    let rows = all_rows!("AND id = $7", [agent, key, types as &[&str], last, index, most, session]);
                    rows.fetch_all(&mut **transaction).await?
                }
            };
        }
        view.end().await?;
        let has_more = cut(&mut rows, MOST);
        let items =
            rows.into_iter().map(|row| Unread { session: SessionId::new(row.id.into_bytes()), upto: sequence(row.sequence) });
        Ok(Answer { value: Page { items: items.collect(), has_more }, stale })
    }
}
