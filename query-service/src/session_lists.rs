//! Lists of sessions: a page is found by an index that is in its order, whatever else there is.

use domain::LinkId;
use nats::Position;

use crate::columns::{moment, sequence_column, uuid};
use crate::freshness::Snapshot;
use crate::page::{cut, rows_for};
use crate::sessions::{SessionRow, session_rows};
use crate::{Answer, Error, Freshness, Page, Queries, SessionStatus, SessionView, Viewer, clock};

/// Which sessions are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionFilter {
    /// Only those of one link.
    pub link: Option<LinkId>,
    /// Only those with this status.
    pub status: Option<SessionStatus>,
}

impl Queries {
    /// Lists an agent's sessions in the order of their start.
    pub async fn sessions(
        &self,
        viewer: impl Into<Viewer>,
        filter: SessionFilter,
        after: Option<Position>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<SessionView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let now = clock::now();
        let after = after.map_or(-1, |after| sequence_column(after.sequence));
        // One statement a filter, so that each has a plan of its own.
        macro_rules! listed {
            ([$($listed:literal),+] $(, $parameter:expr)*) => {
                session_rows!(
                    [$($listed),+],
                    "ORDER BY session.started_sequence",
                    [moment(now), uuid(viewer.agent().bytes()), after, rows_for(limit) $(, $parameter)*]
                )
                .fetch_all(&mut *view.transaction)
                .await?
            };
        }
        // Those of a stored status by their order; the clock takes some of the open ones away, and adds them to those that ended.
        macro_rules! of_status {
            ($status:literal, $scope:literal $(, $parameter:expr)*) => {
                listed!(
                    [
                        "SELECT *
                         FROM session
                         WHERE agent = $2
                         AND started_sequence > $3
                         AND status = '", $status, "'
                         AND (status NOT IN ('active', 'idle') OR expires_at > $1)
                         ", $scope, "
                         ORDER BY started_sequence
                         LIMIT $4"
                    ]
                    $(, $parameter)*
                )
            };
        }
        macro_rules! ended {
            ($scope:literal $(, $parameter:expr)*) => {
                listed!(
                    [
                        "SELECT *
                         FROM (
                            (
                                SELECT *
                                FROM session
                                WHERE agent = $2
                                AND started_sequence > $3
                                AND status = 'ended'
                                ", $scope, "
                                ORDER BY started_sequence
                                LIMIT $4
                            )
                            UNION ALL
                            SELECT *
                            FROM session
                            WHERE agent = $2
                            AND started_sequence > $3
                            AND status IN ('active', 'idle')
                            AND expires_at <= $1
                            ", $scope, "
                         ) AS over
                         ORDER BY started_sequence
                         LIMIT $4"
                    ]
                    $(, $parameter)*
                )
            };
        }
        let link = filter.link.or(viewer.link()).map(|link| uuid(link.bytes()));
        let mut rows = match (link, filter.status) {
            (None, None) => listed!(["SELECT *
                 FROM session
                 WHERE agent = $2
                 AND started_sequence > $3
                 ORDER BY started_sequence
                 LIMIT $4"]),
            (Some(link), None) => listed!(
                ["SELECT *
                     FROM session
                     WHERE agent = $2
                     AND started_sequence > $3
                     AND link = $5
                     ORDER BY started_sequence
                     LIMIT $4"],
                link
            ),
            (None, Some(SessionStatus::Active)) => of_status!("active", ""),
            (None, Some(SessionStatus::Idle)) => of_status!("idle", ""),
            (None, Some(SessionStatus::Ended)) => ended!(""),
            (None, Some(SessionStatus::Erased)) => of_status!("erased", ""),
            (Some(link), Some(SessionStatus::Active)) => of_status!("active", "AND link = $5", link),
            (Some(link), Some(SessionStatus::Idle)) => of_status!("idle", "AND link = $5", link),
            (Some(link), Some(SessionStatus::Ended)) => ended!("AND link = $5", link),
            (Some(link), Some(SessionStatus::Erased)) => of_status!("erased", "AND link = $5", link),
        };
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_rows(rows, shard, now).await?, has_more }, stale })
    }

    /// Lists an agent's sessions, the newest first; `before` is the position of the last one listed.
    pub async fn newest_sessions(
        &self,
        viewer: impl Into<Viewer>,
        before: Option<Position>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<SessionView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let now = clock::now();
        let before = before.map_or(i64::MAX, |before| sequence_column(before.sequence));
        macro_rules! newest {
            ($scope:literal $(, $parameter:expr)*) => {
                session_rows!(
                    [
                        "SELECT *
                         FROM session
                         WHERE agent = $2
                         AND started_sequence < $3
                         ", $scope, "
                         ORDER BY started_sequence DESC
                         LIMIT $4"
                    ],
                    "ORDER BY session.started_sequence DESC",
                    [moment(now), uuid(viewer.agent().bytes()), before, rows_for(limit) $(, $parameter)*]
                )
                .fetch_all(&mut *view.transaction)
                .await?
            };
        }
        let mut rows = match viewer.link() {
            None => newest!(""),
            Some(link) => newest!("AND link = $5", uuid(link.bytes())),
        };
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_rows(rows, shard, now).await?, has_more }, stale })
    }
}
