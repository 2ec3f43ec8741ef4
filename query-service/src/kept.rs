//! Kept positions: how far each of an agent's keys has read in each session.

use domain::{AgentId, KeyId, LinkId, SessionId, Timestamp};

use crate::columns::{sequence, timestamp, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Viewer};

/// How far a key has read in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The session.
    pub session: SessionId,
    /// Its link.
    pub link: LinkId,
    /// The sequence of the last commit read, in the agent's shard.
    pub upto: u64,
    /// When that was noted.
    pub at: Timestamp,
}

impl Queries {
    /// Lists what a key has acknowledged, in one session or in all; a session without a row has nothing acknowledged.
    pub async fn kept(
        &self,
        agent: AgentId,
        key: KeyId,
        session: Option<SessionId>,
        fresh: Freshness,
    ) -> Result<Answer<Vec<Kept>>, Error> {
        let Snapshot { mut view, stale } = self.snapshot(Viewer::Agent(agent), fresh).await?;
        let rows = sqlx::query!(
            "SELECT session, link, upto, at
             FROM read_mark
             WHERE agent = $1
             AND key = $2
             AND ($3::UUID IS NULL OR session = $3)
             ORDER BY session",
            uuid(agent.bytes()),
            uuid(key.bytes()),
            session.map(|session| uuid(session.bytes()))
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        view.end().await?;
        let kept = rows.into_iter().map(|row| Kept {
            session: SessionId::new(row.session.into_bytes()),
            link: LinkId::new(row.link.into_bytes()),
            upto: sequence(row.upto),
            at: timestamp(row.at),
        });
        Ok(Answer { value: kept.collect(), stale })
    }
}
