//! Which events agents are told about, and what an agent's own server (a webhook) is sent of one.

use domain::KeyId;
use domain::link;
use domain::session::{Author, Event as SessionEvent};
use nats::{Actor, AnyEvent, Cursors, Fact, OpenError, Vault};
use serde_json::{Map, Value};

use crate::event::Event;
use crate::present::{Audience, present};

/// The session events that agents are told about, by their wire names: no read marks.
pub const NEWS: &[&str] = &[
    "session.started",
    "session.message_posted",
    "session.question_asked",
    "session.question_answered",
    "session.decision_made",
    "session.question_closed",
    "session.went_idle",
    "session.resumed",
    "session.rescheduled",
    "session.rated",
    "session.budget_reached",
    "session.end_planned",
    "session.end_called_off",
    "session.abuse_noticed",
    "session.ended",
    "session.erased",
];

/// The link events that agents are told about, by their wire names.
pub const NEWS_OF_LINKS: &[&str] = &["link.expiring", "link.expired", "link.revoked", "link.budget_reached"];

/// Tells whether agents are told about an event at all: not about read marks, nor about the texts of their own settings.
pub fn is_news(event: &AnyEvent) -> bool {
    match event {
        AnyEvent::Link(event) => {
            matches!(
                event,
                link::Event::Expiring { .. }
                    | link::Event::Expired
                    | link::Event::Revoked { .. }
                    | link::Event::BudgetReached { .. }
                    | link::Event::AbuseNoticed { .. }
            )
        }
        // A link's own welcome and questions are the agent's words.
        AnyEvent::Session(
            SessionEvent::MessagePosted { from: Author::System, .. } | SessionEvent::QuestionAsked { from: Author::System, .. },
        )
        | AnyEvent::Agent(_) => false,
        AnyEvent::Session(event) => event.changes_the_chat(),
    }
}

/// Tells whether one of an agent's keys is told about an event: of what others did, as far as it is news, and of a budget whoever spent it.
pub fn is_news_to(key: KeyId, fact: &Fact) -> bool {
    let is_by_nobody = matches!(fact.event, AnyEvent::Session(SessionEvent::BudgetReached { .. }));
    (is_by_nobody || fact.actor != Actor::Agent(key)) && is_news(&fact.event)
}

/// Renders a stored event for agents, its texts opened by the vault of its aggregate; none where agents are not told about it. Which key
/// acted is for the caller to check.
pub fn news(fact: &Fact, vault: &Vault, cursors: &Cursors) -> Result<Option<Event>, OpenError> {
    if !is_news(&fact.event) {
        return Ok(None);
    }
    present(fact, vault, cursors, Audience::Agent)
}

/// An event as a webhook's call carries it.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// Its public id.
    pub id: String,
    /// Its public type.
    pub kind: &'static str,
    /// The event as a JSON object: its id, type, times and ids and, where a vault opened it, its `data`.
    pub event: Map<String, Value>,
}

/// Writes what a webhook's call carries of a stored event; none where agents are not told about it. Without a vault `data` is left out,
/// and nothing can fail to open.
pub fn payload(fact: &Fact, vault: Option<&Vault>, cursors: &Cursors) -> Result<Option<Payload>, OpenError> {
    let erased = || Vault::erased(fact.address);
    let Some(event) = vault.map_or_else(|| news(fact, &erased(), cursors), |vault| news(fact, vault, cursors))? else {
        return Ok(None);
    };
    let (id, kind) = (event.id.to_string(), event.data.kind());
    let Ok(Value::Object(mut event)) = serde_json::to_value(event) else { unreachable!("an event is an object of plain values") };
    if vault.is_none() {
        event.remove("data");
    }
    Ok(Some(Payload { id, kind, event }))
}

#[cfg(test)]
mod tests {
    use domain::{Address, AgentId, CommandId, LinkId, Sealed, SessionId, Timestamp};
    use nats::{Epoch, Position, Secrets, Shard};

    use super::*;

    fn fact(event: SessionEvent) -> Fact {
        Fact {
            position: Position { shard: Shard(0), sequence: 7, index: 0 },
            address: Address::session(AgentId::new([1; 16]), SessionId::new([3; 16])),
            link: Some(LinkId::new([2; 16])),
            command: CommandId::new([5; 16]),
            actor: Actor::Chatter,
            at: Timestamp(0),
            event: AnyEvent::Session(event),
        }
    }

    fn cursors() -> Cursors {
        Cursors::new(&Secrets::generate(), [(Shard(0), Epoch([9; 16]))])
    }

    #[test]
    fn a_payload_without_a_vault_has_no_data() {
        let asked = SessionEvent::WentIdle;
        let vault = Vault::erased(fact(asked.clone()).address);
        let thin = payload(&fact(asked.clone()), None, &cursors()).unwrap().unwrap();
        let whole = payload(&fact(asked), Some(&vault), &cursors()).unwrap().unwrap();
        assert_eq!((thin.kind, &thin.id), ("session_idle", &whole.id));
        assert_eq!(thin.event.keys().collect::<Vec<_>>(), ["at", "id", "link_id", "session_id", "type"]);
        assert_eq!(whole.event.keys().collect::<Vec<_>>(), ["at", "data", "id", "link_id", "session_id", "type"]);
    }

    #[test]
    fn a_webhook_is_not_called_for_what_is_no_news() {
        let mark = SessionEvent::MarkedRead { by: domain::session::Reader::Agent(KeyId::new([4; 16])), upto: 1 };
        assert_eq!(payload(&fact(mark), None, &cursors()), Ok(None));
        let text = Sealed { bytes: vec![1; 80].into(), characters: 1, fingerprint: domain::Fingerprint::new([0; 16]) };
        let welcome =
            SessionEvent::MessagePosted { from: Author::System, text, kind: None, client_message_id: None, signs: None };
        assert_eq!(payload(&fact(welcome), None, &cursors()), Ok(None));
    }
}
