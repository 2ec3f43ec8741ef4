//! What a call needs to know of a link or session beforehand: that it is the asker's, and whether anything can still come.

use domain::link::{self, Status};
use domain::session::{self, Standing};
use domain::{LinkId, Millis, SessionId};

use crate::columns::{timestamp, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, SessionStatus, Viewer, clock};

/// A link or session as a scope of events, without any of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeView {
    /// The link; of a session, the one it came through.
    pub link: LinkId,
    /// Whether nothing can come any more, judged by the clock.
    pub is_over: bool,
    /// Whether the words are gone.
    pub is_erased: bool,
}

impl Queries {
    /// Finds one of an agent's links; none where the asker may see none of that id.
    pub async fn link_scope(
        &self,
        viewer: impl Into<Viewer>,
        link: LinkId,
        fresh: Freshness,
    ) -> Result<Answer<Option<ScopeView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let row = sqlx::query!(
            "SELECT status, expires_at, closed_at, erased_at
            FROM link
            WHERE agent = $1
            AND id = $2",
            uuid(viewer.agent().bytes()),
            uuid(link.bytes())
        )
        .fetch_optional(&mut *view.transaction)
        .await?;
        view.end().await?;
        let value = match row {
            Some(row) => {
                let status = Status::parse(&row.status).ok_or(Error::Column { column: "status", value: row.status })?;
                let closed_at = row.closed_at.map(timestamp);
                let standing = link::Standing::of(status, timestamp(row.expires_at), closed_at, clock::now());
                let is_over = !matches!(standing, link::Standing::Active | link::Standing::Paused);
                Some(ScopeView { link, is_over, is_erased: row.erased_at.is_some() })
            }
            None => None,
        };
        Ok(Answer { value, stale })
    }

    /// Finds a session; none where the asker may see none of that id.
    pub async fn session_scope(
        &self,
        viewer: impl Into<Viewer>,
        session: SessionId,
        fresh: Freshness,
    ) -> Result<Answer<Option<ScopeView>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let row = sqlx::query!(
            r#"SELECT link, status AS "status: SessionStatus", expires_at
            FROM session
            WHERE agent = $1
            AND id = $2"#,
            uuid(viewer.agent().bytes()),
            uuid(session.bytes())
        )
        .fetch_optional(&mut *view.transaction)
        .await?;
        view.end().await?;
        let value = row.map(|row| {
            let standing = Standing::of(row.status.into(), None, timestamp(row.expires_at), Millis(0), clock::now());
            let status = standing.expect("a session with a row has started").status;
            ScopeView {
                link: LinkId::new(row.link.into_bytes()),
                is_over: matches!(status, session::Status::Ended | session::Status::Erased),
                is_erased: status == session::Status::Erased,
            }
        });
        Ok(Answer { value, stale })
    }
}
