//! Links through which somebody may still come, without their words.

use domain::{LinkId, Timestamp};
use nats::settings_from_bytes;
use time::OffsetDateTime;

use crate::columns::{count, moment, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::page::{cut, rows_for};
use crate::{Answer, Error, Freshness, Page, Queries, Viewer, clock};

/// A link that takes newcomers, or may again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinableLink {
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
}

struct Row {
    settings: Vec<u8>,
    admitted: i64,
    places_taken: i64,
    opened_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

impl Row {
    fn link(self) -> Result<Option<JoinableLink>, Error> {
        let settings = settings_from_bytes(&self.settings)
            .map_err(|error| Error::Column { column: "settings", value: error.to_string() })?;
        // Whoever is there may leave and come again.
        let is_used_up = settings.max_sessions_total.is_some_and(|most| count(self.admitted) >= most && self.places_taken == 0);
        let link = JoinableLink { opened_at: timestamp(self.opened_at), expires_at: timestamp(self.expires_at) };
        Ok((!is_used_up).then_some(link))
    }
}

impl Queries {
    /// Looks at an agent's open links, or at one of them, for those through which somebody may still come.
    pub async fn joinable_links(
        &self,
        viewer: impl Into<Viewer>,
        link: Option<LinkId>,
        limit: u16,
        fresh: Freshness,
    ) -> Result<Answer<Page<JoinableLink>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let (agent, now) = (uuid(viewer.agent().bytes()), moment(clock::now()));
        let mut rows = if let Some(link) = link.or(viewer.link()) {
            let rows = sqlx::query_as!(
                Row,
                "SELECT settings, admitted, places_taken, opened_at, expires_at
                FROM link
                WHERE agent = $1
                AND status IN ('active', 'paused')
                AND expires_at > $2
                AND id = $3",
                agent,
                now,
                uuid(link.bytes())
            );
            rows.fetch_all(&mut *view.transaction).await?
        } else {
            let rows = sqlx::query_as!(
                Row,
                "SELECT settings, admitted, places_taken, opened_at, expires_at
                FROM link
                WHERE agent = $1
                AND status IN ('active', 'paused')
                AND expires_at > $2
                ORDER BY opened_sequence DESC
                LIMIT $3",
                agent,
                now,
                rows_for(limit)
            );
            rows.fetch_all(&mut *view.transaction).await?
        };
        view.end().await?;
        let has_more = cut(&mut rows, limit);
        let items = rows.into_iter().filter_map(|row| row.link().transpose()).collect::<Result<_, _>>()?;
        Ok(Answer { value: Page { items, has_more }, stale })
    }
}
