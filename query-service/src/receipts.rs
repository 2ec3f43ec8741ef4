//! Where the outcome of a decision stands in the log, as who follows the log has noted it.

use domain::{ReceiptId, SessionId};
use nats::{Hash, Position};

use crate::columns::uuid;
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Viewer};

/// Where the outcome of a decision stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptPosition {
    /// Its session.
    pub session: SessionId,
    /// Where in the log.
    pub position: Position,
    /// The shard's running hash there.
    pub running: Hash,
}

impl Queries {
    /// Finds where the outcome of a decision stands, among what the asker may see.
    pub async fn receipt(
        &self,
        viewer: impl Into<Viewer>,
        receipt: ReceiptId,
        fresh: Freshness,
    ) -> Result<Answer<Option<ReceiptPosition>>, Error> {
        let viewer = viewer.into();
        let Snapshot { mut view, stale } = self.snapshot(viewer, fresh).await?;
        let row = sqlx::query!(
            "SELECT session, sequence, index, running_hash
            FROM receipt
            WHERE question = $1
            AND agent = $2",
            uuid(receipt.bytes()),
            uuid(viewer.agent().bytes())
        )
        .fetch_optional(&mut *view.transaction)
        .await?;
        let shard = view.shard;
        view.end().await?;
        let value: Option<Result<_, Error>> = row.map(|row| {
            let running: Result<[u8; 32], _> = row.running_hash.try_into();
            let running = running.map_err(|_| Error::Column { column: "running_hash", value: "not 32 bytes".to_owned() })?;
            let (sequence, index) =
                (u64::try_from(row.sequence).unwrap_or_default(), u16::try_from(row.index).unwrap_or_default());
            let position = Position { shard, sequence, index };
            Ok(ReceiptPosition { session: SessionId::new(row.session.into_bytes()), position, running: Hash(running) })
        });
        Ok(Answer { value: value.transpose()?, stale })
    }
}
