//! Links and sessions as agents see them: whole, with what is in force; never a passcode.

use std::collections::BTreeSet;
use std::ops::Not;

use agent_events::CursorScope;
use domain::abuse::{Level, Noticed, Reason};
use domain::link::Standing;
use domain::session::EndReason;
use domain::{Budget, LinkId, Millis, SessionId, Timestamp};
use events::Moment;
use events::sanitize::clean_all;
use forms::{Field, Form};
use query_service::{LinkCounts, LinkQuestions, LinkView, Party, SessionStatus, SessionView};
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use text::clean;

use super::answer::length;
use super::answers::AnswerDetails;
use super::reachability::Reachability;
use crate::args::number;
use crate::call::Call;

/// How little time a link may have left without a word about it.
const SOON: Millis = Millis::minutes(10);
/// The most characters of one session's answers in a list.
const ANSWERS: usize = 15_000;

/// A link.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LinkDetails {
    #[schemars(with = "String")]
    link_id: LinkId,
    pub(crate) url: String,
    reachable: Reachability,
    #[schemars(with = "String")]
    status: Standing,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_name: Option<String>,
    requires_passcode: bool,
    created_at: Moment,
    expires_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Moment>,
    max_sessions_at_once: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_sessions_total: Option<u32>,
    max_messages_per_session: u32,
    messages_per_minute: u32,
    #[schemars(with = "f64")]
    idle_timeout_minutes: Value,
    #[schemars(with = "f64")]
    keep_minutes_after_end: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    allowed_origins: Vec<String>,
    #[serde(skip_serializing_if = "Budget::is_empty")]
    #[schemars(with = "JsonObject")]
    budget: Budget,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<JsonObject>")]
    questions: Vec<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<usize>,
    counts: SessionCounts,
    next_cursor: String,
    warnings: Vec<String>,
}

/// How many sessions a link has had and has.
#[derive(Debug, Serialize, JsonSchema)]
struct SessionCounts {
    sessions_total: u32,
    sessions_active: u32,
    sessions_idle: u32,
    places_taken: u32,
    waiting_for_agent: u32,
}

impl LinkDetails {
    /// Tells all of a link. Its cursor is its opening: waiting after it gives all that ever happened on the link.
    pub(crate) fn of(call: &Call, link: LinkView) -> Self {
        let app = call.app();
        let public_url = &app.config().public_url;
        let token = app.link_tokens().issue(link.agent, link.id, link.rotation);
        let reachable = Reachability::of(public_url);
        let is_open = matches!(link.status, Standing::Active | Standing::Paused);
        let settings = link.settings;
        let left = settings.expires_at - command_service::clock::now();
        let words = |words: Option<query_service::PlainText>| words.map(|words| clean(&words));
        let optional = |text: Option<Option<query_service::PlainText>>| words(text.flatten());
        let recipients = labels(settings.recipients.as_ref()).len();
        Self {
            link_id: link.id,
            url: app.config().address_of(&format!("/temp-chat/{token}")),
            reachable,
            status: link.status,
            title: words(settings.title),
            purpose: optional(settings.purpose),
            description: optional(settings.description),
            welcome_message: optional(settings.welcome_message),
            agent_name: optional(settings.agent_name),
            requires_passcode: settings.passcode.is_some(),
            created_at: link.opened_at.into(),
            expires_at: settings.expires_at.into(),
            closed_at: link.closed_at.map(Into::into),
            erased_at: link.erased_at.map(Into::into),
            max_sessions_at_once: settings.max_sessions_at_once,
            max_sessions_total: settings.max_sessions_total,
            max_messages_per_session: settings.max_messages_per_session,
            messages_per_minute: settings.messages_per_minute,
            idle_timeout_minutes: in_minutes(settings.idle_timeout),
            keep_minutes_after_end: in_minutes(settings.keep_after_end),
            language: settings.language,
            allowed_origins: settings.allowed_origins,
            budget: settings.budget,
            questions: settings.questions.as_ref().map(asked_by).unwrap_or_default(),
            recipients: Some(recipients).filter(|count| *count > 0),
            counts: SessionCounts::of(link.counts),
            next_cursor: call.agents.cursors.seal(link.agent, CursorScope::Link(link.id), link.position),
            warnings: if is_open {
                let mut warnings = warnings(reachable, public_url.scheme(), left, settings.max_sessions_total, link.counts);
                warnings.extend(warnings_of_recipients(recipients, settings.max_sessions_total));
                warnings
            } else {
                vec![]
            },
        }
    }
}

impl LinkDetails {
    /// Adds what a model should know of this answer.
    pub(crate) fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// Leaves out one more of what the agent wrote itself, and names it; none where nothing of that is left.
    pub(crate) fn leave_out(&mut self) -> Option<&'static str> {
        if !std::mem::take(&mut self.questions).is_empty() {
            return Some("questions");
        }
        let texts = [
            ("description", &mut self.description),
            ("welcome_message", &mut self.welcome_message),
            ("purpose", &mut self.purpose),
        ];
        texts.into_iter().find_map(|(name, text)| text.take().map(|_| name))
    }
}

impl SessionCounts {
    fn of(counts: LinkCounts) -> Self {
        Self {
            sessions_total: counts.admitted,
            sessions_active: counts.active,
            sessions_idle: counts.idle,
            places_taken: counts.places_taken,
            waiting_for_agent: counts.waiting_for_agent,
        }
    }
}

/// Says what a model should tell, or see to, before it hands the link out.
fn warnings(reachable: Reachability, scheme: &str, left: Millis, most: Option<u32>, counts: LinkCounts) -> Vec<String> {
    let mut warnings = Vec::new();
    match reachable {
        Reachability::Public if scheme != "https" => {
            warnings.push("The url is http, not https: what is written can be read on the way. Tell the operator.".to_owned());
        }
        Reachability::Public => {}
        Reachability::LocalNetwork => warnings.push("The url opens only within the network of this service.".to_owned()),
        Reachability::ThisMachine => warnings.push("The url opens only on the machine that runs this service.".to_owned()),
    }
    if left < SOON {
        warnings.push(format!("The link expires in {} s; temp_chat_update_link can give it more time.", (left.0 / 1_000).max(0)));
    }
    if most.is_some_and(|most| counts.admitted >= most) {
        warnings.push("All sessions of the link have been used: nobody new can come in.".to_owned());
    }
    warnings
}

/// Says what is easily overlooked where a link has recipients.
fn warnings_of_recipients(recipients: usize, most: Option<u32>) -> Vec<String> {
    if recipients == 0 {
        return vec![];
    }
    let own = "Give each recipient their own url of urls: who comes by the link's own url is nobody's recipient.".to_owned();
    let too_few = most.filter(|most| (*most as usize) < recipients);
    let too_few =
        too_few.map(|most| format!("max_sessions_total is {most}, but there are {recipients} recipients: not all can come in."));
    [own].into_iter().chain(too_few).collect()
}

/// A session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionDetails {
    #[schemars(with = "String")]
    session_id: SessionId,
    #[schemars(with = "String")]
    link_id: LinkId,
    #[schemars(with = "String")]
    status: SessionStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    waiting_for: Option<Party>,
    chatter_online: bool,
    started_at: Moment,
    expires_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    ends_reason: Option<EndReason>,
    erase_at: Moment,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<Moment>,
    chatter_messages: u32,
    agent_messages: u32,
    messages_left: u32,
    open_fields: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_chatter_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_agent_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rating: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feedback: Option<String>,
    /// What they are suspected of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    abuse: Option<AbuseDetails>,
    /// What they answered, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<Vec<AnswerDetails>>,
    /// How many answers, the earliest, were too long to be shown beside the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    answers_left_out: Option<usize>,
    /// Whether a chatter typed some of this.
    #[serde(skip_serializing_if = "Not::not")]
    untrusted: bool,
}

/// What a chatter is suspected of.
#[derive(Debug, Serialize)]
struct AbuseDetails {
    level: Level,
    reasons: BTreeSet<Reason>,
}

impl SessionDetails {
    /// Tells all of a session but what was said in it.
    pub(crate) fn of(call: &Call, session: SessionView) -> Self {
        let is_open = matches!(session.status, SessionStatus::Active | SessionStatus::Idle);
        let words = |words: Option<query_service::PlainText>| words.map(|words| clean(&words));
        let at = |at: Option<Timestamp>| at.map(Moment::from);
        Self {
            session_id: session.id,
            link_id: session.link,
            status: session.status,
            title: words(session.title),
            untrusted: session.display_name.is_some() || session.feedback.is_some(),
            display_name: words(session.display_name),
            language: session.language,
            recipient: None,
            answers: None,
            answers_left_out: None,
            waiting_for: is_open.then(|| if session.owed_since.is_some() { Party::Agent } else { Party::Chatter }),
            chatter_online: is_open && call.app().hub().chatter_online(call.session(session.id)),
            started_at: session.started_at.into(),
            expires_at: session.expires_at.into(),
            ended_at: at(session.ended_at),
            ends_reason: session.end_reason,
            erase_at: session.erase_at.into(),
            erased_at: at(session.erased_at),
            chatter_messages: session.chatter_messages,
            agent_messages: session.agent_messages,
            messages_left: session.messages_left,
            open_fields: session.open_fields,
            last_chatter_at: at(session.last_chatter_at),
            last_agent_at: at(session.last_agent_at),
            rating: session.rating,
            feedback: words(session.feedback),
            abuse: session.abuse.map(|Noticed { level, reasons }| AbuseDetails { level, reasons }),
        }
    }
}

impl SessionDetails {
    /// Adds which recipient it is.
    pub(crate) fn with_recipient(self, recipient: Option<String>) -> Self {
        Self { recipient, ..self }
    }

    /// Adds what was answered in it, the newest as far as one result holds them.
    pub(crate) fn with_answers(self, mut answers: Vec<AnswerDetails>) -> Self {
        let mut room = ANSWERS;
        let fits = |answer: &&AnswerDetails| {
            let length = length(&serde_json::to_string(answer).expect("an answer is plain values"));
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        };
        let left_out = answers.len() - answers.iter().rev().take_while(fits).count();
        answers.drain(..left_out);
        let untrusted = self.untrusted || !answers.is_empty();
        Self { untrusted, answers: Some(answers), answers_left_out: Some(left_out).filter(|count| *count > 0), ..self }
    }
}

/// Reads what a link asks everyone.
pub(crate) fn asked_by(questions: &LinkQuestions) -> Vec<Field> {
    let cleaned = serde_json::from_str(&questions.form).map(|mut document| {
        clean_all(&mut document);
        document.to_string()
    });
    match cleaned.and_then(|document| Form::from_document(&document)) {
        Ok(form) => form.fields().to_vec(),
        Err(error) => {
            tracing::error!(question = %questions.question, %error, "a link's form cannot be read");
            vec![]
        }
    }
}

/// Reads the labels of a link's recipients; often they are not the agent's own words, but out of somebody's address book.
pub(crate) fn labels(document: Option<&query_service::PlainText>) -> Vec<String> {
    let labels: Option<Vec<String>> = document.and_then(|document| serde_json::from_str(document).ok());
    labels.into_iter().flatten().map(|label| clean(&label)).collect()
}

/// Tells a length in minutes, which may be less than whole.
#[expect(clippy::cast_precision_loss, reason = "a length of some weeks is far below 2^52 milliseconds")]
fn in_minutes(length: Millis) -> Value {
    number(length.0 as f64 / 60_000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_is_warned_of_what_would_surprise_the_person() {
        let quiet = LinkCounts::default();
        assert!(warnings(Reachability::Public, "https", Millis::minutes(60), None, quiet).is_empty());
        let told = warnings(Reachability::ThisMachine, "http", Millis::minutes(9), Some(1), LinkCounts { admitted: 1, ..quiet });
        assert_eq!(told.len(), 3);
        assert!(told.iter().any(|warning| warning.contains("540 s")), "{told:?}");
    }

    #[test]
    fn a_model_is_warned_where_not_every_recipient_can_come() {
        assert!(warnings_of_recipients(0, Some(1)).is_empty());
        assert_eq!(warnings_of_recipients(2, Some(2)).len(), 1);
        let told = warnings_of_recipients(5, Some(3)).pop().unwrap();
        assert_eq!(told, "max_sessions_total is 3, but there are 5 recipients: not all can come in.");
    }

    #[test]
    fn whole_minutes_are_told_as_such() {
        assert_eq!(in_minutes(Millis::minutes(30)), json!(30));
        assert_eq!(in_minutes(Millis::seconds(90)), json!(1.5));
    }
}
