//! What was answered, over a link's sessions, and who of its recipients has not yet.

use std::collections::{BTreeMap, HashMap};

use domain::{AgentId, LinkId, SessionId};
use forms::{Answer, Field};
use nats::{AnyEvent, EventId, Fact, Text};
use query_service::{EventPage, LinkAnswers, LinkView};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::call::Call;
use super::shown::{asked_by, labels};
use super::typed::{clean, clean_all};
use crate::app::App;
use crate::problem::Problem;

/// How many answers are read at once.
const READ: u16 = 500;

/// What a chat has answered to one question, all its answers taken together.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AnswerShown {
    question_id: String,
    /// The last answer.
    #[schemars(with = "String")]
    event_id: EventId,
    values: Map<String, Value>,
    missing: Vec<String>,
    untrusted: bool,
}

/// Reads what some sessions have answered; of one session with very many answers the newest 500.
pub(super) async fn answers_of(call: &Call, sessions: &[SessionId]) -> Result<HashMap<SessionId, Vec<AnswerShown>>, Problem> {
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
fn add_up(answers: &mut HashMap<SessionId, Vec<AnswerShown>>, page: &EventPage) -> Result<(), Problem> {
    for fact in &page.facts {
        let domain::Target::Session(session) = fact.address.target else { continue };
        let Some((question, missing, answer)) = opened(page, fact)? else { continue };
        let question_id = question.to_string();
        let missing = answer.names(missing);
        let of_session = answers.entry(session).or_default();
        let mut shown = match of_session.iter().position(|known| known.question_id == question_id) {
            Some(known) => of_session.remove(known),
            None => AnswerShown { question_id, event_id: fact.id(), values: Map::new(), missing: vec![], untrusted: true },
        };
        for (key, mut value) in answer.into_values() {
            clean_all(&mut value);
            if value.is_null() { drop(shown.values.remove(&key)) } else { drop(shown.values.insert(key, value)) }
        }
        of_session.push(AnswerShown { event_id: fact.id(), missing, ..shown });
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

/// What became of a link's questions, and of its recipients.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Rollup {
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<AnswersShown>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<RecipientShown>,
    /// The recipients who have not answered every required field; of a link without questions, who have said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_yet: Option<Vec<String>>,
}

/// How a link's question was answered.
#[derive(Debug, Serialize, JsonSchema)]
struct AnswersShown {
    question_id: String,
    /// Chats that were asked.
    asked: u32,
    /// Chats that have answered every required field.
    complete: u32,
    fields: Vec<FieldCounts>,
    /// The chats whose values are counted, where they are fewer than those that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    counted: Option<usize>,
}

/// How often a field was answered.
#[derive(Debug, Serialize, JsonSchema)]
struct FieldCounts {
    key: String,
    answered: u32,
    /// Each value, and in how many chats; of fields with few values only.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<BTreeMap<String, u32>>,
}

/// A recipient's own address.
#[derive(Debug, Serialize, JsonSchema)]
struct RecipientShown {
    label: String,
    url: String,
}

impl Rollup {
    /// Leaves out what is told elsewhere too, and names it; none where nothing of that is left.
    pub(super) fn leave_out(&mut self) -> Option<&'static str> {
        let fields = self.answers.iter_mut().flat_map(|answers| &mut answers.fields);
        let counted = fields.filter_map(|field| field.values.take()).count();
        (counted > 0).then_some("values of answers (temp_chat_list_sessions with include answers has them)")
    }

    /// Counts for one link; tells too whether the rows were behind.
    pub(super) async fn of(call: &Call, link: &LinkView) -> Result<(Self, bool), Problem> {
        let labels = labels(link.settings.recipients.as_ref());
        if link.settings.questions.is_none() && labels.is_empty() {
            return Ok((Self { answers: None, urls: vec![], not_yet: None }, false));
        }
        let app = call.app();
        let question = link.settings.questions.as_ref().map(|questions| questions.question);
        let counted = app.queries().link_answers(link.agent, link.id, question, app.freshness(link.agent)).await?;
        let answers = match &link.settings.questions {
            Some(questions) => {
                let question_id = questions.question.to_string();
                Some(AnswersShown::of(call, question_id, &asked_by(questions), &counted.value).await?)
            }
            None => None,
        };
        let is_done = |recipient: u8| counted.value.done.contains(&recipient);
        let not_yet = (0..).zip(&labels).filter(|(recipient, _)| !is_done(*recipient)).map(|(_, label)| label.clone());
        let not_yet = (!labels.is_empty()).then(|| not_yet.collect());
        let url = |recipient| {
            let token = app.link_tokens().issue_to(recipient, link.agent, link.id, link.rotation);
            app.config().address_of(&format!("/temp-chat/{token}"))
        };
        let urls = (0..).zip(&labels).map(|(recipient, label)| RecipientShown { label: label.clone(), url: url(recipient) });
        Ok((Self { answers, urls: urls.collect(), not_yet }, counted.stale))
    }
}

impl AnswersShown {
    async fn of(call: &Call, question_id: String, fields: &[Field], counted: &LinkAnswers) -> Result<Self, Problem> {
        let is_countable = fields.iter().any(|field| field.kind.is_countable());
        let mut by_session = if is_countable && !counted.sessions.is_empty() {
            answers_of(call, &counted.sessions).await?
        } else {
            HashMap::new()
        };
        by_session.retain(|_, answers| {
            answers.retain(|answer| answer.question_id == question_id);
            !answers.is_empty()
        });
        let values: Vec<_> = by_session.values().flatten().map(|answer| &answer.values).collect();
        let fields = fields.iter().zip(counted.answered).map(|(field, answered)| FieldCounts {
            key: field.key.clone(),
            answered,
            values: field.kind.is_countable().then(|| tally(field, &values)),
        });
        let fields: Vec<_> = fields.collect();
        let most = fields.iter().map(|field| field.answered as usize).max().unwrap_or(0);
        let counted_here = Some(by_session.len()).filter(|here| is_countable && *here < most);
        Ok(Self { question_id, asked: counted.asked, complete: counted.complete, fields, counted: counted_here })
    }
}

/// Counts each value of a field.
fn tally(field: &Field, answers: &[&Map<String, Value>]) -> BTreeMap<String, u32> {
    let mut tally: BTreeMap<String, u32> = field.options.iter().map(|option| (option.value.clone(), 0)).collect();
    for value in answers.iter().filter_map(|values| values.get(&field.key)) {
        let given = match value {
            Value::Array(items) => items.iter().collect(),
            one => vec![one],
        };
        for value in given {
            let name = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            *tally.entry(name).or_default() += 1;
        }
    }
    tally
}

/// The labels of recipients, looked up once for each link.
pub(super) struct Recipients<'a> {
    app: &'a App,
    agent: AgentId,
    by_link: HashMap<LinkId, Vec<String>>,
}

impl<'a> Recipients<'a> {
    pub(super) fn new(call: &'a Call) -> Self {
        Self::of(call.app(), call.principal.agent)
    }

    /// Looks up those of an agent's links.
    pub(super) fn of(app: &'a App, agent: AgentId) -> Self {
        Self { app, agent, by_link: HashMap::new() }
    }

    /// Finds the label of a link's recipient; none where it is nobody's, or where the words are gone.
    pub(super) async fn label(&mut self, link: LinkId, recipient: Option<u8>) -> Result<Option<String>, Problem> {
        let Some(recipient) = recipient else { return Ok(None) };
        if !self.by_link.contains_key(&link) {
            let labels = self.app.commands().recipients(self.agent, link).await?;
            self.by_link.insert(link, labels.iter().map(|label| clean(label)).collect());
        }
        Ok(self.by_link.get(&link).and_then(|labels| labels.get(usize::from(recipient))).cloned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(field: Value) -> Field {
        serde_json::from_value(field).unwrap()
    }

    #[test]
    fn each_value_is_counted_and_each_option_is_there() {
        let color = field(json!({"key": "c", "label": "C", "type": "choices", "options": ["red", "blue", "green"]}));
        let answers = [json!({"c": ["red", "blue"]}), json!({"c": ["red"]}), json!({"d": 1})];
        let answers: Vec<_> = answers.iter().filter_map(Value::as_object).collect();
        assert_eq!(serde_json::to_value(tally(&color, &answers)).unwrap(), json!({"blue": 1, "green": 0, "red": 2}));
        let stars = field(json!({"key": "d", "label": "D", "type": "rating"}));
        assert_eq!(serde_json::to_value(tally(&stars, &answers)).unwrap(), json!({"1": 1}));
    }
}
