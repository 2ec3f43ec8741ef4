//! Chats that people have reported to the operator, and up to when the operator has seen them.

use domain::session::Event;
use domain::{AgentId, LinkId, Sealed, SessionId, Target, Timestamp};
use nats::{AnyEvent, Position};

use crate::columns::{count, moment, sequence, timestamp, uuid};
use crate::{Error, Queries, clock, role};

/// A chat that was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedChat {
    /// Whose it is.
    pub agent: AgentId,
    /// Its link; none of a session that was pruned.
    pub link: Option<LinkId>,
    /// The chat.
    pub session: SessionId,
    /// How often it was reported.
    pub reports: u32,
    /// How many of these the operator has not seen.
    pub unseen: u32,
    /// When it was reported first.
    pub first_at: Timestamp,
    /// When it was reported last.
    pub last_at: Timestamp,
    /// What was said of it, sealed, the oldest first; nothing unless it was asked for.
    pub reasons: Vec<Sealed>,
}

impl Queries {
    /// Lists reported chats, the one that was reported last first. An index holds the reports alone, so one plan does for one agent's too.
    pub async fn reported_chats(
        &self,
        agent: Option<AgentId>,
        with_reasons: bool,
        limit: u16,
    ) -> Result<Vec<ReportedChat>, Error> {
        let mut transaction = role::operator(&self.inner.pool).await?;
        let rows = sqlx::query!(
            r#"SELECT
                agent,
                link,
                session AS "session!",
                count(*) AS "reports!",
                count(*) FILTER (WHERE at > coalesce((SELECT upto FROM reports_seen), '-infinity')) AS "unseen!",
                min(at) AS "first_at!",
                max(at) AS "last_at!",
                max(sequence) AS "sequence!",
                coalesce(array_agg(body ORDER BY at) FILTER (WHERE $2), '{}') AS "bodies!"
            FROM event
            WHERE type = 'session.reported'
            AND session IS NOT NULL
            AND ($1::UUID IS NULL OR agent = $1)
            GROUP BY agent, link, session
            ORDER BY max(at) DESC
            LIMIT $3"#,
            agent.map(|agent| uuid(agent.bytes())),
            with_reasons,
            i64::from(limit),
        )
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        let chats = rows.into_iter().map(|row| {
            let (agent, session) = (AgentId::new(row.agent.into_bytes()), SessionId::new(row.session.into_bytes()));
            let shard = self.inner.backbone.shard_of(agent);
            let position = Position { shard, sequence: sequence(row.sequence), index: 0 };
            let reasons = row.bodies.iter().map(|body| reason(body, position)).collect::<Result<Vec<_>, Error>>()?;
            Ok(ReportedChat {
                agent,
                link: row.link.map(|link| LinkId::new(link.into_bytes())),
                session,
                reports: count(row.reports),
                unseen: count(row.unseen),
                first_at: timestamp(row.first_at),
                last_at: timestamp(row.last_at),
                reasons: reasons.into_iter().flatten().collect(),
            })
        });
        chats.collect()
    }

    /// Notes that the operator has seen all reports there are up to a time, which is not ahead of now.
    pub async fn note_reports_seen(&self, upto: Timestamp) -> Result<(), Error> {
        let mut transaction = role::notes(&self.inner.pool).await?;
        sqlx::query!(
            "INSERT INTO reports_seen (upto)
             VALUES ($1)
             ON CONFLICT (one) DO UPDATE
             SET upto = greatest(reports_seen.upto, excluded.upto)",
            moment(upto.min(clock::now())),
        )
        .execute(&mut *transaction)
        .await?;
        Ok(transaction.commit().await?)
    }
}

fn reason(body: &[u8], position: Position) -> Result<Option<Sealed>, Error> {
    let kind = Target::Session(SessionId::new([0; 16])).into();
    match AnyEvent::from_bytes(kind, body).map_err(|source| Error::Event { position, source })? {
        AnyEvent::Session(Event::Reported { reason }) => Ok(Some(reason)),
        AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_) => Ok(None),
    }
}
