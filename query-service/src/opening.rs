//! What opens words that came to the asker by another way than rows: the vaults of sessions, and the labels of links' recipients.

use std::collections::HashMap;

use domain::{Address, LinkId, SessionId};
use nats::{Field, settings_from_bytes};
use sqlx::types::Uuid;

use crate::columns::{moment, recipient, uuid};
use crate::freshness::Snapshot;
use crate::vaults::Owner;
use crate::{Answer, Error, Freshness, PlainText, Queries, Vaults, Viewer, clock};

/// Who chats in a session.
#[derive(Debug, Clone, Default)]
pub struct Chatter {
    /// Which of the link's recipients.
    pub recipient: Option<u8>,
    /// The name that they chose; none where there is none, or it is erased.
    pub display_name: Option<PlainText>,
}

impl Queries {
    /// Fetches the vaults of those sessions among these that the asker may see; where words are due to be gone, it opens nothing.
    pub async fn vaults(
        &self,
        viewer: impl Into<Viewer>,
        sessions: &[SessionId],
        fresh: Freshness,
    ) -> Result<Answer<Vaults>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let sessions: Vec<Uuid> = sessions.iter().map(|session| uuid(session.bytes())).collect();
        let rows = sqlx::query!(
            r#"SELECT
                id,
                erased_at IS NOT NULL
                OR coalesce(erase_at, expires_at + keep_after_end_ms * INTERVAL '1 millisecond') <= $3 AS "gone!"
            FROM session
            WHERE agent = $1
            AND id = ANY ($2)"#,
            uuid(viewer.agent().bytes()),
            &sessions,
            moment(clock::now())
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        view.end().await?;
        let address = |id: Uuid| Address::session(viewer.agent(), SessionId::new(id.into_bytes()));
        let owners = rows.into_iter().map(|row| Owner { address: address(row.id), gone: row.gone });
        Ok(Answer { value: Vaults::fetch(&self.inner.backbone.opener(), owners).await?, stale })
    }

    /// Tells who chats in those sessions among these that the asker may see: which of the link's recipients, and by which name.
    pub async fn chatters(
        &self,
        viewer: impl Into<Viewer>,
        sessions: &[SessionId],
        fresh: Freshness,
    ) -> Result<Answer<HashMap<SessionId, Chatter>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let sessions: Vec<Uuid> = sessions.iter().map(|session| uuid(session.bytes())).collect();
        let rows = sqlx::query!(
            r#"SELECT
                id,
                recipient,
                display_name,
                erased_at IS NOT NULL
                OR coalesce(erase_at, expires_at + keep_after_end_ms * INTERVAL '1 millisecond') <= $3 AS "gone!"
            FROM session
            WHERE agent = $1
            AND id = ANY ($2)"#,
            uuid(viewer.agent().bytes()),
            &sessions,
            moment(clock::now())
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        view.end().await?;
        let address = |id: Uuid| Address::session(viewer.agent(), SessionId::new(id.into_bytes()));
        let owners = rows.iter().map(|row| Owner { address: address(row.id), gone: row.gone });
        let vaults = Vaults::fetch(&self.inner.backbone.opener(), owners).await?;
        let mut value = HashMap::with_capacity(rows.len());
        for row in rows {
            let display_name = vaults.open(address(row.id), Field::DisplayName, row.display_name.as_deref())?;
            value.insert(SessionId::new(row.id.into_bytes()), Chatter { recipient: recipient(row.recipient), display_name });
        }
        Ok(Answer { value, stale })
    }

    /// Reads the labels of the recipients of those links among these that the asker may see: of each the document that was sealed, or
    /// none where it has no recipients, or is erased.
    pub async fn recipients(
        &self,
        viewer: impl Into<Viewer>,
        links: &[LinkId],
        fresh: Freshness,
    ) -> Result<Answer<HashMap<LinkId, Option<PlainText>>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let links: Vec<Uuid> = links.iter().map(|link| uuid(link.bytes())).collect();
        let rows = sqlx::query!(
            r#"SELECT id, settings, erased_at IS NOT NULL AS "erased!"
            FROM link
            WHERE agent = $1
            AND id = ANY ($2)"#,
            uuid(viewer.agent().bytes()),
            &links
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        view.end().await?;
        let address = |id: Uuid| Address::link(viewer.agent(), LinkId::new(id.into_bytes()));
        let owners = rows.iter().map(|row| Owner { address: address(row.id), gone: row.erased });
        let vaults = Vaults::fetch(&self.inner.backbone.opener(), owners).await?;
        let mut value = HashMap::with_capacity(rows.len());
        for row in rows {
            let settings = settings_from_bytes(&row.settings)
                .map_err(|error| Error::Column { column: "settings", value: error.to_string() })?;
            let sealed = settings.recipients.as_ref().map(|recipients| &*recipients.labels.bytes);
            let labels = vaults.open(address(row.id), Field::Recipients, sealed)?;
            value.insert(LinkId::new(row.id.into_bytes()), labels);
        }
        Ok(Answer { value, stale })
    }
}
