//! From what the log holds to what a reader may see: texts opened, markdown rendered, positions sealed as cursors.

use std::collections::BTreeSet;

use domain::link::Event as LinkEvent;
use domain::session::{Author, Choice, Event as SessionEvent, MessageKind, Reader, Verdict};
use domain::{LinkId, QuestionId, ReceiptId, Sealed, SessionId, Target};
use forms::{Answer, Decision, Outcome};
use nats::{AnyEvent, Cursors, EventId, Fact, Field, OpenError, Position, Text, Vault};
use serde_json::{Map, Value};

use crate::data::{Data, DecidedBy, Speaker};
use crate::event::Event;
use crate::rfc3339::Moment;
use crate::{markdown, sanitize};

/// For whom an event is rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The person: with cursors and HTML, and nothing about the link.
    Chatter,
    /// The agent: plain text without invisible characters, and about the link too.
    Agent,
}

/// Renders a stored event, its texts opened by the vault of its aggregate; none where it is not for this audience.
pub fn present(fact: &Fact, vault: &Vault, cursors: &Cursors, audience: Audience) -> Result<Option<Event>, OpenError> {
    let event = |link_id, session_id, data| Event {
        id: fact.id(),
        at: Moment(fact.at),
        cursor: (audience == Audience::Chatter).then(|| cursors.seal(fact.position)),
        link_id,
        session_id,
        by: None,
        data,
    };
    match (&fact.event, fact.address.target) {
        (AnyEvent::Session(about), Target::Session(session)) => {
            let Some(link) = fact.link else { return Ok(None) };
            let mut data = of_session(about, fact.position, vault, cursors, audience)?;
            if let (Audience::Agent, Some(data)) = (audience, &mut data) {
                sanitize::clean_data(data);
            }
            Ok(data.map(|data| event(link, Some(session), data)))
        }
        (AnyEvent::Link(about), Target::Link(link)) if audience == Audience::Agent => {
            Ok(of_link(about).map(|data| event(link, None, data)))
        }
        (AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_), _) => Ok(None),
    }
}

/// Renders a chatter's message as its sender gets it back: without reading anything.
pub fn message_of_chatter(
    (link_id, session_id): (LinkId, SessionId),
    (id, at, position): (EventId, Moment, Position),
    text: String,
    client_message_id: String,
    cursors: &Cursors,
) -> Event {
    let data = Data::Message {
        from: Speaker::Chatter,
        text: Some(text),
        html: None,
        kind: None,
        client_message_id: Some(client_message_id),
        untrusted: true,
    };
    Event { id, at, cursor: Some(cursors.seal(position)), link_id, session_id: Some(session_id), by: None, data }
}

fn of_link(event: &LinkEvent) -> Option<Data> {
    match event {
        LinkEvent::Expiring { expires_at } => Some(Data::LinkExpiring { expires_at: Moment(*expires_at) }),
        LinkEvent::Expired => Some(Data::LinkClosed { reason: "expired" }),
        LinkEvent::Revoked { .. } => Some(Data::LinkClosed { reason: "revoked" }),
        LinkEvent::BudgetReached { reached, at_percent } => Some(Data::budget(reached, *at_percent)),
        LinkEvent::AbuseNoticed { reason } => Some(Data::Abuse { level: None, reasons: [*reason].into() }),
        LinkEvent::Opened { .. }
        | LinkEvent::Updated { .. }
        | LinkEvent::Paused
        | LinkEvent::Resumed
        | LinkEvent::TokenRotated { .. }
        | LinkEvent::Admitted { .. }
        | LinkEvent::BudgetDrawn { .. }
        | LinkEvent::Blocked { .. }
        | LinkEvent::Released { .. }
        | LinkEvent::Erased
        | LinkEvent::WebhookSet { .. } => None,
    }
}

fn of_session(
    event: &SessionEvent,
    position: Position,
    vault: &Vault,
    cursors: &Cursors,
    audience: Audience,
) -> Result<Option<Data>, OpenError> {
    let open = |field, sealed: &Sealed| match vault.open(field, 0, &sealed.bytes) {
        Ok(Text::Open(text)) => Ok(Some(text)),
        Ok(Text::Erased) => Ok(None),
        Err(error) => Err(error),
    };
    let optional = |field, sealed: &Option<Sealed>| sealed.as_ref().map_or(Ok(None), |sealed| open(field, sealed));
    Ok(Some(match event {
        SessionEvent::Started { display_name, language, .. } => {
            let display_name = optional(Field::DisplayName, display_name)?;
            let untrusted = display_name.is_some();
            // The caller adds the label: it is sealed with the link.
            Data::SessionStarted { display_name, language: language.clone(), recipient: None, untrusted }
        }
        SessionEvent::MessagePosted { from, text, kind, client_message_id, signs: _ } => {
            let text = open(Field::Message, text)?;
            let html = match (from, audience) {
                // A welcome and a farewell are the agent's words too.
                (Author::Agent(_) | Author::System, Audience::Chatter) => text.as_deref().map(markdown::render),
                (Author::Agent(_) | Author::System, Audience::Agent) | (Author::Chatter, _) => None,
            };
            let client_message_id = match audience {
                Audience::Chatter => optional(Field::ClientMessageId, client_message_id)?,
                Audience::Agent => None,
            };
            let untrusted = *from == Author::Chatter;
            Data::Message { from: speaker(*from, *kind), text, html, kind: *kind, client_message_id, untrusted }
        }
        SessionEvent::QuestionAsked { question, form, terms, .. } => Data::Question {
            question_id: question.to_string(),
            form: match &terms.decision {
                Some(decision) => decision_form(open(Field::Decision, form)?.as_deref(), &decision.allow, *question),
                None => shown(document(open(Field::Form, form)?, *question), audience),
            },
            is_final: terms.is_final,
            answer_by: terms.answer_by.map(Moment),
        },
        SessionEvent::DecisionMade { question, verdict, document, payload: _, words: _ } => {
            let outcome = open(Field::Outcome, document)?.and_then(|text| outcome(&text, *question));
            let (payload_sha256, edited, reason) =
                outcome.map(|told| (Some(told.payload_sha256), told.edited, told.reason)).unwrap_or_default();
            let untrusted = edited.is_some() || reason.is_some();
            Data::Decision {
                question_id: question.to_string(),
                verdict: *verdict,
                payload_sha256,
                edited,
                reason,
                note: (audience == Audience::Agent).then(|| note(*verdict).map(str::to_owned)).flatten(),
                // The caller adds it: a recipient's label is sealed with the link.
                by: DecidedBy::default(),
                receipt_id: ReceiptId::from(*question).to_string(),
                untrusted,
            }
        }
        SessionEvent::QuestionClosed { question, why, replaced_by, values, reason } => Data::QuestionClosed {
            question_id: question.to_string(),
            why: *why,
            replaced_by: replaced_by.map(|question| question.to_string()),
            values: optional(Field::IfSilent, values)?.and_then(|text| silence(&text, *question)),
            reason: optional(Field::Withdrawal, reason)?,
        },
        SessionEvent::EndPlanned { at, .. } => Data::EndPlanned { at: Moment(*at) },
        SessionEvent::EndCalledOff { by } => Data::EndCalledOff { by: speaker(*by, None) },
        SessionEvent::QuestionAnswered { question, values, missing, .. } => {
            let answer = open(Field::Values, values)?.map(|text| told(&text, *missing, *question)).unwrap_or_default();
            Data::Answer { question_id: question.to_string(), answer, untrusted: true }
        }
        SessionEvent::MarkedRead { by, upto } => {
            let by = match by {
                Reader::Chatter => Speaker::Chatter,
                Reader::Agent(_) => Speaker::Agent,
            };
            Data::Read { by, upto: cursors.seal(Position { sequence: *upto, index: 0, ..position }) }
        }
        SessionEvent::WentIdle => Data::SessionIdle {},
        SessionEvent::Resumed => Data::SessionResumed {},
        SessionEvent::Rescheduled { expires_at } => Data::SessionUpdated { expires_at: Some(Moment(*expires_at)) },
        SessionEvent::Rated { rating, feedback } => {
            let feedback = optional(Field::Feedback, feedback)?;
            let untrusted = feedback.is_some();
            Data::Rated { rating: *rating, feedback, untrusted }
        }
        SessionEvent::Ended { reason } => Data::SessionEnded { reason: *reason },
        SessionEvent::Erased => Data::Erased {},
        SessionEvent::BudgetReached { reached, at_percent } => match audience {
            Audience::Agent => Data::budget(reached, *at_percent),
            Audience::Chatter => return Ok(None),
        },
        SessionEvent::AbuseNoticed { level, reasons } => match audience {
            Audience::Agent => Data::Abuse { level: Some(*level), reasons: reasons.clone() },
            Audience::Chatter => return Ok(None),
        },
        // A report is between the person and the operator, and nobody is told on which devices a person reads.
        SessionEvent::Reported { .. }
        | SessionEvent::BudgetSet { .. }
        | SessionEvent::Flooded { .. }
        | SessionEvent::HandoffOffered { .. }
        | SessionEvent::HandoffMissed
        | SessionEvent::DeviceAdded { .. }
        | SessionEvent::DeviceForgotten { .. } => return Ok(None),
    }))
}

fn speaker(author: Author, kind: Option<MessageKind>) -> Speaker {
    match (author, kind) {
        (Author::Chatter, _) => Speaker::Chatter,
        // A welcome and a farewell are the agent's texts, even where the system posts them.
        (Author::Agent(_), _) | (Author::System, Some(MessageKind::Welcome | MessageKind::Farewell)) => Speaker::Agent,
        (Author::System, None) => Speaker::System,
    }
}

/// Adds the intro as it looks, for those who see it; an agent wrote it, and gets it as it is.
fn shown(mut form: Map<String, Value>, audience: Audience) -> Map<String, Value> {
    if let (Audience::Chatter, Some(intro)) = (audience, form.get("intro").and_then(Value::as_str)) {
        let html = markdown::render(intro);
        form.insert("intro_html".to_owned(), html.into());
    }
    form
}

/// Reads the document of an answer: its `values`, and the keys that are `missing` after it.
fn told(document: &str, missing: u8, question: QuestionId) -> Map<String, Value> {
    match Answer::from_document(document) {
        Ok(answer) => {
            let missing = answer.names(missing).into();
            [("values".to_owned(), answer.into_values().into()), ("missing".to_owned(), missing)].into_iter().collect()
        }
        Err(error) => {
            tracing::error!(%question, %error, "an answer's document cannot be read");
            Map::new()
        }
    }
}

/// Reads the document of what is decided about.
fn decision_form(text: Option<&str>, allow: &BTreeSet<Choice>, question: QuestionId) -> Map<String, Value> {
    let allow: Vec<_> = allow.iter().map(|choice| choice.as_str()).collect();
    match text.map(Decision::from_document) {
        Some(Ok(decision)) => decision.into_shown(&allow),
        None => Map::new(),
        Some(Err(error)) => {
            tracing::error!(%question, %error, "a decision's document cannot be read");
            Map::new()
        }
    }
}

/// Reads the document of a decision's outcome.
fn outcome(document: &str, question: QuestionId) -> Option<Outcome> {
    let outcome = Outcome::from_document(document);
    outcome.inspect_err(|error| tracing::error!(%question, %error, "the document of an outcome cannot be read")).ok()
}

/// Says what an agent must not miss of a verdict.
fn note(verdict: Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Edited => Some("The person changed it: use edited, do not repeat the original."),
        Verdict::TimedOut => Some("Nobody decided: this is no approval."),
        Verdict::Approved | Verdict::Rejected | Verdict::Responded => None,
    }
}

/// Reads the document of what silence means.
fn silence(document: &str, question: QuestionId) -> Option<Map<String, Value>> {
    let answer = Answer::from_document(document);
    answer
        .inspect_err(|error| tracing::error!(%question, %error, "the document of what silence means cannot be read"))
        .ok()
        .map(Answer::into_values)
}

/// Reads the document of a question: `intro`, `fields` and `text`.
fn document(text: Option<String>, question: QuestionId) -> Map<String, Value> {
    match text.map(|text| serde_json::from_str(&text)) {
        Some(Ok(Value::Object(document))) => document,
        None => Map::new(),
        Some(_) => {
            tracing::error!(%question, "a question's document is no JSON object");
            Map::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::budget::Limits;
    use domain::session::{EndReason, Settings};
    use domain::{Address, AgentId, CommandId, Fingerprint, KeyId, Millis, Timestamp};
    use nats::{Actor, Epoch, Secrets, Shard};
    use serde_json::json;

    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const LINK: LinkId = LinkId::new([2; 16]);
    const SESSION: SessionId = SessionId::new([3; 16]);
    const KEY: KeyId = KeyId::new([4; 16]);

    fn sealed() -> Sealed {
        Sealed { bytes: vec![1; 80].into(), characters: 1, fingerprint: Fingerprint::new([0; 16]) }
    }

    fn fact(event: SessionEvent) -> Fact {
        Fact {
            address: Address::session(AGENT, SESSION),
            link: Some(LINK),
            position: Position { shard: Shard(0), sequence: 7, index: 0 },
            at: Timestamp(0),
            actor: Actor::Chatter,
            command: CommandId::new([5; 16]),
            event: AnyEvent::Session(event),
        }
    }

    fn cursors() -> Cursors {
        Cursors::new(&Secrets::generate(), [(Shard(0), Epoch([9; 16]))])
    }

    fn shown(event: SessionEvent, audience: Audience) -> Value {
        let vault = Vault::erased(Address::session(AGENT, SESSION));
        let event = present(&fact(event), &vault, &cursors(), audience).unwrap().unwrap();
        serde_json::to_value(event).unwrap()
    }

    #[test]
    fn an_event_has_its_envelope() {
        let event = shown(SessionEvent::Ended { reason: EndReason::LinkExpired }, Audience::Chatter);
        assert_eq!(event["type"], "session_ended");
        assert_eq!(event["data"], json!({"reason": "link_expired"}));
        assert_eq!(event["at"], "1970-01-01T00:00:00.000Z");
        assert_eq!(event["link_id"], LINK.to_string());
        assert_eq!(event["session_id"], SESSION.to_string());
        assert!(event["id"].as_str().unwrap().starts_with("evt_"));
        assert!(event["cursor"].is_string());
    }

    #[test]
    fn an_agent_gets_no_cursor() {
        assert_eq!(shown(SessionEvent::WentIdle, Audience::Agent).get("cursor"), None);
    }

    #[test]
    fn what_a_chatter_typed_is_marked() {
        let message =
            |from| SessionEvent::MessagePosted { from, text: sealed(), kind: None, client_message_id: None, signs: None };
        assert_eq!(shown(message(Author::Chatter), Audience::Agent)["data"]["untrusted"], true);
        assert_eq!(shown(message(Author::Agent(KEY)), Audience::Agent)["data"].get("untrusted"), None);
        let answer = SessionEvent::QuestionAnswered {
            question: QuestionId::new([6; 16]),
            values: sealed(),
            answered: 1,
            withdrawn: 0,
            missing: 0,
        };
        assert_eq!(shown(answer, Audience::Agent)["data"]["untrusted"], true);
    }

    #[test]
    fn erased_words_are_left_out() {
        let (from, kind) = (Author::System, Some(MessageKind::Welcome));
        let message = SessionEvent::MessagePosted { from, text: sealed(), kind, client_message_id: None, signs: None };
        assert_eq!(shown(message, Audience::Chatter)["data"], json!({"from": "agent", "kind": "welcome"}));
        let settings = Settings {
            expires_at: Timestamp(1),
            max_messages: 1,
            messages_per_minute: 1,
            idle_timeout: Millis(1),
            keep_after_end: Millis(1),
            budget: Limits::default(),
        };
        let started = SessionEvent::Started {
            link: LINK,
            settings,
            display_name: Some(sealed()),
            language: Some("de".to_owned()),
            recipient: None,
            origin: None,
        };
        assert_eq!(shown(started, Audience::Chatter)["data"], json!({"language": "de"}));
    }

    #[test]
    fn a_read_mark_names_an_events_cursor() {
        let (cursors, vault) = (cursors(), Vault::erased(Address::session(AGENT, SESSION)));
        let message = present(&fact(SessionEvent::Resumed), &vault, &cursors, Audience::Chatter).unwrap().unwrap();
        let mark = fact(SessionEvent::MarkedRead { by: Reader::Agent(KEY), upto: 7 });
        let mark = serde_json::to_value(present(&mark, &vault, &cursors, Audience::Chatter).unwrap()).unwrap();
        assert_eq!(mark["data"]["by"], "agent");
        assert_eq!(mark["data"]["upto"].as_str(), message.cursor.as_deref());
    }

    #[test]
    fn a_links_own_events_are_for_the_agent() {
        let mut closed = fact(SessionEvent::Resumed);
        closed.address = Address::link(AGENT, LINK);
        closed.event = AnyEvent::Link(LinkEvent::Expired);
        let vault = Vault::erased(closed.address);
        assert_eq!(present(&closed, &vault, &cursors(), Audience::Chatter).unwrap(), None);
        let told = present(&closed, &vault, &cursors(), Audience::Agent).unwrap().unwrap();
        assert_eq!(told.session_id, None);
        assert_eq!(serde_json::to_value(told.data).unwrap(), json!({"type": "link_closed", "data": {"reason": "expired"}}));
    }
}
