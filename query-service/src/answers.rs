//! The answers to a link's own question, and its recipients: counted from masks, without opening a text.

use domain::session::Question;
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
            r#"SELECT fields, required, answered, least(answers, 1) AS "answers!", count(*) AS "sessions!"
            FROM question
            WHERE link = $1
            AND id = $2
            GROUP BY fields, required, answered, least(answers, 1)"#,
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
        let recipients = sqlx::query!(
            r#"SELECT
                recipient AS "recipient!",
                fields AS "fields?",
                required AS "required?",
                answered AS "answered?",
                answers AS "answers?",
                last_chatter_at IS NOT NULL AS "has_spoken!"
            FROM session
            LEFT JOIN LATERAL (
                SELECT fields, required, answered, answers
                FROM question
                WHERE question.session = session.id
                AND question.id = $2
                OFFSET 0
            ) AS question ON true
            WHERE session.agent = $3
            AND session.link = $1
            AND recipient IS NOT NULL
            ORDER BY recipient"#,
            link,
            question,
            uuid(agent.bytes())
        )
        .fetch_all(&mut *view.transaction)
        .await?;
        view.end().await?;
        let mut value = LinkAnswers {
            sessions: sessions.into_iter().map(|session| SessionId::new(session.into_bytes())).collect(),
            ..LinkAnswers::default()
        };
        for row in recipients {
            let is_done = match (row.fields, row.required, row.answered, row.answers) {
                (Some(fields), Some(required), Some(answered), Some(answers)) => {
                    is_complete([fields, required, answered], answers)
                }
                // Who was asked something else, or nothing, has done enough by saying something.
                _ => row.has_spoken,
            };
            value.done.extend(recipient(Some(row.recipient)).filter(|_| is_done));
        }
        value.done.dedup();
        for row in masks {
            let sessions = count(row.sessions);
            value.asked += sessions;
            value.complete += if is_complete([row.fields, row.required, row.answered], row.answers) { sessions } else { 0 };
            for (bit, answered) in value.answered.iter_mut().enumerate() {
                *answered += if row.answered >> bit & 1 == 1 { sessions } else { 0 };
            }
        }
        Ok(Answer { value, stale })
    }
}

/// Tells whether a question is complete, of its masks (fields, required, answered) and how often it was answered.
fn is_complete(masks: [i16; 3], answers: i64) -> bool {
    Question::of_masks(masks.map(|mask| u8::try_from(mask).unwrap_or(u8::MAX)), count(answers)).is_complete()
}
