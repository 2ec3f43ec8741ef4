//! Lists of links: a page is found by an index that is in its order, whatever else there is.

use domain::link::Standing;
use nats::Position;

use crate::columns::{moment, sequence_column, uuid};
use crate::freshness::Snapshot;
use crate::links::{LinkRow, link_rows};
use crate::page::{cut, rows_for};
use crate::{Answer, Error, Freshness, LinkView, Page, Queries, Viewer, clock};

impl Queries {
    /// Lists an agent's links in the order of their opening.
    pub async fn links(
        &self,
        viewer: impl Into<Viewer>,
        status: Option<Standing>,
        after: Option<Position>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<LinkView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let now = clock::now();
        let after = after.map_or(-1, |after| sequence_column(after.sequence));
        // One statement a filter, so that each has a plan of its own.
        macro_rules! listed {
            ($($listed:literal),+ $(; $parameter:expr)*) => {
                link_rows!(
                    [$($listed),+],
                    "ORDER BY link.opened_sequence",
                    [moment(now), uuid(viewer.agent().bytes()), after, rows_for(limit) $(, $parameter)*]
                )
                .fetch_all(&mut *view.transaction)
                .await?
            };
        }
        // Those of a stored standing by their order; the clock takes some of the open ones away, and adds them to those that expired. What
        // is shown is `domain::link::Standing`, and a test holds them together.
        macro_rules! of_standing {
            ($standing:literal) => {
                listed!(
                    "SELECT *
                     FROM link
                     WHERE agent = $2
                     AND opened_sequence > $3
                     AND standing = '",
                    $standing,
                    "'
                     AND (standing NOT IN ('active', 'paused') OR expires_at > $1)
                     ORDER BY opened_sequence
                     LIMIT $4"
                )
            };
        }
        let mut rows: Vec<LinkRow> = match (viewer.link(), status) {
            // One link may be looked at as it is.
            (Some(link), status) => {
                let one = listed!("SELECT * FROM link WHERE agent = $2 AND id = $5 AND opened_sequence > $3 LIMIT $4"; uuid(link.bytes()));
                let standings = one.iter().map(|row| row.standing(now)).collect::<Result<Vec<_>, _>>()?;
                let is_wanted = |standing| status.is_none_or(|status| status == standing);
                one.into_iter().zip(standings).filter(|(_, standing)| is_wanted(*standing)).map(|(row, _)| row).collect()
            }
            (None, None) => {
                listed!(
                    "SELECT *
                     FROM link
                     WHERE agent = $2
                     AND opened_sequence > $3
                     ORDER BY opened_sequence
                     LIMIT $4"
                )
            }
            (None, Some(Standing::Active)) => of_standing!("active"),
            (None, Some(Standing::Paused)) => of_standing!("paused"),
            (None, Some(Standing::Revoked)) => of_standing!("revoked"),
            (None, Some(Standing::Expired)) => {
                listed!(
                    "SELECT *
                     FROM (
                        (
                            SELECT *
                            FROM link
                            WHERE agent = $2
                            AND opened_sequence > $3
                            AND standing = 'expired'
                            ORDER BY opened_sequence
                            LIMIT $4
                        )
                        UNION ALL
                        SELECT *
                        FROM link
                        WHERE agent = $2
                        AND opened_sequence > $3
                        AND status IN ('active', 'paused')
                        AND expires_at <= $1
                     ) AS over
                     ORDER BY opened_sequence
                     LIMIT $4"
                )
            }
        };
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_links(rows, shard, now).await?, has_more }, stale })
    }

    /// Lists an agent's links, the newest first; `before` is the position of the last one listed.
    pub async fn newest_links(
        &self,
        viewer: impl Into<Viewer>,
        before: Option<Position>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<LinkView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let now = clock::now();
        let before = before.map_or(i64::MAX, |before| sequence_column(before.sequence));
        let mut rows = link_rows!(
            ["SELECT *
                 FROM link
                 WHERE agent = $2
                 AND opened_sequence < $3
                 ORDER BY opened_sequence DESC
                 LIMIT $4"],
            "ORDER BY link.opened_sequence DESC",
            [moment(now), uuid(viewer.agent().bytes()), before, rows_for(limit)]
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        Ok(Answer { value: Page { items: self.open_links(rows, shard, now).await?, has_more }, stale })
    }
}
