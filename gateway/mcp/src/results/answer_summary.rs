//! What was answered, over a link's sessions, and who of its recipients has not yet.

use std::collections::{BTreeMap, HashMap};

use forms::Field;
use problem::Problem;
use query_service::{LinkAnswers, LinkView};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::answers::answers_of;
use super::views::{asked_by, labels};
use crate::call::Call;

/// What became of a link's questions, and of its recipients.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AnswerSummary {
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<AnswerTotals>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    urls: Vec<RecipientUrl>,
    /// The recipients who have not answered every required field; of a link without questions, who have said nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_yet: Option<Vec<String>>,
}

/// How a link's question was answered.
#[derive(Debug, Serialize, JsonSchema)]
struct AnswerTotals {
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
struct RecipientUrl {
    label: String,
    url: String,
}

impl AnswerSummary {
    /// Leaves out what is told elsewhere too, and names it; none where nothing of that is left.
    pub(crate) fn leave_out(&mut self) -> Option<&'static str> {
        let fields = self.answers.iter_mut().flat_map(|answers| &mut answers.fields);
        let counted = fields.filter_map(|field| field.values.take()).count();
        (counted > 0).then_some("values of answers (temp_chat_list_sessions with include answers has them)")
    }

    /// Counts for one link; tells too whether the rows were behind.
    pub(crate) async fn of(call: &Call, link: &LinkView) -> Result<(Self, bool), Problem> {
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
                Some(AnswerTotals::of(call, question_id, &asked_by(questions), &counted.value).await?)
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
        let urls = (0..).zip(&labels).map(|(recipient, label)| RecipientUrl { label: label.clone(), url: url(recipient) });
        Ok((Self { answers, urls: urls.collect(), not_yet }, counted.stale))
    }
}

impl AnswerTotals {
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
