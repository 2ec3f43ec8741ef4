//! The answers to a link's own question, and its recipients: counted from masks, without opening a text.

use domain::{AgentId, LinkId, QuestionId, SessionId};

use crate::columns::{count, recipient, uuid};
use crate::freshness::Snapshot;
use crate::{Answer, Error, Freshness, Queries, Viewer};

/// How many sessions with answers are listed, so that the answers can be counted by value.
const NAMED: i64 = 200;

/// The state of a link's question and of its recipients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkAnswers {
    /// Sessions that were asked.
    pub asked: u32,
    /// Sessions that have answered every required field.
    pub complete: u32,
    /// Sessions that have answered each field, in the order of the form.
    pub answered: [u32; 8],
    /// Sessions with an answer, those that answered last; at most 200.
    pub sessions: Vec<SessionId>,
    /// Recipients that have responded: answered the question, or written something where there is none.
    pub done: Vec<u8>,
}

impl Queries {
    /// Counts the answers to a link's present question, and finds the recipients that have responded.
    pub async fn link_answers(
        &self,
        agent: AgentId,
        link: LinkId,
        question: Option<QuestionId>,
        fresh: Freshness,
    ) -> Result<Answer<LinkAnswers>, Error> {
        let Snapshot { mut view, stale } = self.snapshot(Viewer::Agent(agent), fresh).await?;
        let (link, question) = (uuid(link.bytes()), question.map(|question| uuid(question.bytes())));
        let masks = sqlx::query!(
            r#"
            SELECT answered, complete AS "complete!", count(*) AS "sessions!"
            FROM question
            CROSS JOIN LATERAL (
                SELECT answers > 0 AND required & ~answered & ((1 << fields) - 1) = 0 AS complete
            ) AS standing
            WHERE link = $1
            AND id = $2
            GROUP BY answered, complete
            "#,
            link,
            question
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let sessions = sqlx::query_scalar!(
            "SELECT session
             FROM question
             WHERE link = $1
             AND id = $2
             AND answers > 0
             ORDER BY sequence DESC
             LIMIT $3",
            link,
            question,
            NAMED
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        let done = sqlx::query_scalar!(
            "SELECT DISTINCT recipient
             FROM session
             LEFT JOIN question ON question.session = session.id AND question.id = $2
             WHERE session.link = $1
             AND recipient IS NOT NULL
             -- A recipient that was asked an earlier question, or none, has responded by writing anything.
             AND coalesce(answers > 0 AND required & ~answered & ((1 << fields) - 1) = 0, last_chatter_at IS NOT NULL)
             ORDER BY recipient",
            link,
            question
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        view.end().await?;
        let mut value = LinkAnswers {
            sessions: sessions.into_iter().map(|session| SessionId::new(session.into_bytes())).collect(),
            done: done.into_iter().filter_map(recipient).collect(),
            ..LinkAnswers::default()
        };
        for row in masks {
            let sessions = count(row.sessions);
            value.asked += sessions;
            value.complete += if row.complete { sessions } else { 0 };
            for (bit, answered) in value.answered.iter_mut().enumerate() {
                *answered += if row.answered >> bit & 1 == 1 { sessions } else { 0 };
            }
        }
        Ok(Answer { value, stale })
    }
}
