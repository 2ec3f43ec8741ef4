//! What chats have answered, all answers of one to a question taken together.

use std::collections::HashMap;

use domain::session::{Closing, Event};
use domain::{QuestionId, Sealed, SessionId};
use events::sanitize::clean_all;
use forms::Answer;
use nats::{AnyEvent, EventId, Fact, Field, Text};
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
    /// Why the question takes no answer any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    closed: Option<Closing>,
    /// Whether a person gave the values; of a question that timed out, they are what its silence was said to mean.
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

/// Adds a page of answers and closings, oldest first, to what their sessions have answered.
fn add_up(answers: &mut HashMap<SessionId, Vec<AnswerDetails>>, page: &EventPage) -> Result<(), Problem> {
    for fact in &page.facts {
        let domain::Target::Session(session) = fact.address.target else { continue };
        match &fact.event {
            AnyEvent::Session(Event::QuestionAnswered { question, values, missing, .. }) => {
                let Some(answer) = opened(page, fact, (Field::Values, values), *question)? else { continue };
                add_answer(answers.entry(session).or_default(), fact, *question, *missing, answer);
            }
            AnyEvent::Session(Event::QuestionClosed { question, why, values, .. }) => {
                let silence = values.as_ref().map(|values| opened(page, fact, (Field::IfSilent, values), *question));
                let of_session = answers.entry(session).or_default();
                close(of_session, fact, *question, *why, silence.transpose()?.flatten());
            }
            AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_) => {}
        }
    }
    Ok(())
}

fn add_answer(of_session: &mut Vec<AnswerDetails>, fact: &Fact, question: QuestionId, missing: u8, answer: Answer) {
    let question_id = question.to_string();
    let missing = answer.names(missing);
    let mut shown = match of_session.iter().position(|known| known.question_id == question_id) {
        Some(known) => of_session.remove(known),
        None => {
            AnswerDetails { question_id, event_id: fact.id(), values: Map::new(), missing: vec![], closed: None, untrusted: true }
        }
    };
    for (key, mut value) in answer.into_values() {
        clean_all(&mut value);
        if value.is_null() { drop(shown.values.remove(&key)) } else { drop(shown.values.insert(key, value)) }
    }
    of_session.push(AnswerDetails { event_id: fact.id(), missing, ..shown });
}

/// Notes how a question was closed that has an answer, or whose silence has a meaning.
fn close(of_session: &mut Vec<AnswerDetails>, fact: &Fact, question: QuestionId, why: Closing, silence: Option<Answer>) {
    let question_id = question.to_string();
    if let Some(answered) = of_session.iter_mut().find(|known| known.question_id == question_id) {
        answered.closed = Some(why);
    } else if let Some(silence) = silence {
        let (event_id, values, closed) = (fact.id(), silence.into_values(), Some(why));
        of_session.push(AnswerDetails { question_id, event_id, values, missing: vec![], closed, untrusted: false });
    }
}

/// Opens the values of an event; none where its words are gone.
fn opened(
    page: &EventPage,
    fact: &Fact,
    (field, values): (Field, &Sealed),
    question: QuestionId,
) -> Result<Option<Answer>, Problem> {
    match page.vaults.of(fact.address).open(field, 0, &values.bytes)? {
        Text::Erased => Ok(None),
        Text::Open(document) => match Answer::from_document(&document) {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => {
                tracing::error!(%question, %error, "an answer's document cannot be read");
                Ok(None)
            }
        },
    }
}
