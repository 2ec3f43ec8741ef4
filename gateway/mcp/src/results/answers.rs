//! What chats have answered, all answers of one to a question taken together.

use std::collections::HashMap;

use domain::SessionId;
use events::sanitize::clean_all;
use forms::Answer;
use nats::{AnyEvent, EventId, Fact, Text};
use problem::Problem;
use query_service::EventPage;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::call::Call;

/// How many answers are read at once.
const READ: u16 = 500;

/// What a chat has answered to one question, all its answers taken together.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AnswerDetails {
    pub(crate) question_id: String,
    /// The last answer.
    #[schemars(with = "String")]
    event_id: EventId,
    pub(crate) values: Map<String, Value>,
    missing: Vec<String>,
    untrusted: bool,
}

/// Reads what some sessions have answered; of one session with very many answers the newest 500.
pub(crate) async fn answers_of(call: &Call, sessions: &[SessionId]) -> Result<HashMap<SessionId, Vec<AnswerDetails>>, Problem> {
    let app = call.app();
    let agent = call.principal.agent;
    let mut answers = HashMap::new();
    let mut rest = vec![sessions];
    while let Some(sessions) = rest.pop() {
        let page = app.queries().answers(agent, sessions, READ, app.freshness(agent)).await?.value;
        if page.has_more && sessions.len() > 1 {
            // Half an answer would be told as the whole.
            let (some, others) = sessions.split_at(sessions.len() / 2);
            rest.extend([some, others]);
        } else {
            add_up(&mut answers, &page)?;
        }
    }
    Ok(answers)
}

/// Adds a page of answers, oldest first, to what their sessions have answered.
fn add_up(answers: &mut HashMap<SessionId, Vec<AnswerDetails>>, page: &EventPage) -> Result<(), Problem> {
    for fact in &page.facts {
        let domain::Target::Session(session) = fact.address.target else { continue };
        let Some((question, missing, answer)) = opened(page, fact)? else { continue };
        let question_id = question.to_string();
        let missing = answer.names(missing);
        let of_session = answers.entry(session).or_default();
        let mut shown = match of_session.iter().position(|known| known.question_id == question_id) {
            Some(known) => of_session.remove(known),
            None => AnswerDetails { question_id, event_id: fact.id(), values: Map::new(), missing: vec![], untrusted: true },
        };
        for (key, mut value) in answer.into_values() {
            clean_all(&mut value);
            if value.is_null() { drop(shown.values.remove(&key)) } else { drop(shown.values.insert(key, value)) }
        }
        of_session.push(AnswerDetails { event_id: fact.id(), missing, ..shown });
    }
    Ok(())
}

/// Opens an answer, with its question and the mask of what is missing after it; none where its words are gone.
fn opened(page: &EventPage, fact: &Fact) -> Result<Option<(domain::QuestionId, u8, Answer)>, Problem> {
    let AnyEvent::Session(domain::session::Event::QuestionAnswered { question, values, missing, .. }) = &fact.event else {
        return Ok(None);
    };
    match page.vaults.of(fact.address).open(nats::Field::Values, 0, &values.bytes)? {
        Text::Erased => Ok(None),
        Text::Open(document) => match Answer::from_document(&document) {
            Ok(answer) => Ok(Some((*question, *missing, answer))),
            Err(error) => {
                tracing::error!(%question, %error, "an answer's document cannot be read");
                Ok(None)
            }
        },
    }
}
