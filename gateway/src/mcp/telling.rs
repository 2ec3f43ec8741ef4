//! Events as agents get them: words opened, cleaned of control characters, without what the call named itself.

use std::collections::HashMap;

use domain::{Address, KeyId, Target};
use nats::{Actor, Fact, Vault};
use serde_json::Value;

use super::call::Call;
use super::hearing::Named;
use super::typed::{clean, clean_all};
use crate::event::{Audience, Data, Event, present};
use crate::problem::Problem;

/// Opens and tells facts of one agent; holds keys, so not for longer than one answer.
pub(super) struct Teller<'a> {
    call: &'a Call,
    vaults: HashMap<Address, Vault>,
    names: HashMap<KeyId, Option<String>>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(call: &'a Call) -> Self {
        Self { call, vaults: HashMap::new(), names: HashMap::new() }
    }

    /// Tells a fact, if it is one for agents.
    pub(super) async fn event(&mut self, fact: &Fact) -> Result<Option<Event>, Problem> {
        let vault = self.vault(fact.address).await?;
        let Some(mut event) = present(fact, &vault, self.call.app().cursors(), Audience::Agent)? else { return Ok(None) };
        if matches!(event.data, Data::Message { text: None, .. }) {
            // Of an erased session nothing but its end is worth a model's time.
            return Ok(None);
        }
        scrub(&mut event.data);
        if let Actor::Agent(key) = fact.actor {
            event.by = self.name(key).await?;
        }
        Ok(Some(event))
    }

    /// Fetches what opens the words of a session; of one whose words are due to be gone, nothing does.
    async fn vault(&mut self, address: Address) -> Result<Vault, Problem> {
        if let Some(vault) = self.vaults.get(&address) {
            return Ok(vault.clone());
        }
        let vault = match address.target {
            Target::Agent | Target::Link(_) => Vault::erased(address),
            Target::Session(_) if self.is_due_to_be_gone(address).await? => Vault::erased(address),
            Target::Session(_) => self.call.app().backbone().opener().vault(address).await?,
        };
        self.vaults.insert(address, vault.clone());
        Ok(vault)
    }

    async fn is_due_to_be_gone(&self, address: Address) -> Result<bool, Problem> {
        let state = self.call.app().commands().session(address).await?;
        let at_latest = state.settings.as_ref().map(|settings| settings.expires_at + settings.keep_after_end);
        Ok(state.erase_at().or(at_latest).is_some_and(|at| at <= command_service::clock::now()))
    }

    async fn name(&mut self, key: KeyId) -> Result<Option<String>, Problem> {
        if key == self.call.principal.key {
            return Ok(Some(self.call.principal.key_name.clone()));
        }
        if let Some(name) = self.names.get(&key) {
            return Ok(name.clone());
        }
        let name = self.call.app().commands().key_name(self.call.principal.agent, key).await?;
        self.names.insert(key, name.clone());
        Ok(name)
    }
}

/// Writes an event without what the call named itself.
pub(super) fn written(event: &Event, named: Named, redelivered: bool) -> Value {
    let mut value = serde_json::to_value(event).expect("an event is plain values");
    if let Some(object) = value.as_object_mut() {
        if named.link {
            object.remove("link_id");
        }
        if named.session {
            object.remove("session_id");
        }
        if redelivered {
            object.insert("redelivered".to_owned(), true.into());
        }
    }
    value
}

/// Cleans what somebody typed.
fn scrub(data: &mut Data) {
    let typed = match data {
        Data::SessionStarted { display_name, .. } => display_name.as_mut(),
        Data::Message { text, .. } => text.as_mut(),
        Data::Rated { feedback, .. } => feedback.as_mut(),
        Data::Answer { answer, .. } => {
            answer.values_mut().for_each(clean_all);
            None
        }
        Data::Question { .. }
        | Data::SessionIdle {}
        | Data::SessionResumed {}
        | Data::Read { .. }
        | Data::SessionUpdated { .. }
        | Data::SessionEnded { .. }
        | Data::Erased {}
        | Data::LinkExpiring { .. }
        | Data::LinkClosed { .. } => None,
    };
    if let Some(text) = typed {
        *text = clean(text);
    }
}

#[cfg(test)]
mod tests {
    use domain::{CommandId, LinkId, SessionId, Timestamp};
    use nats::EventId;

    use super::*;
    use crate::moment::Moment;

    fn event() -> Event {
        Event {
            id: EventId::of(&CommandId::new([1; 16]), 0),
            at: Moment(Timestamp(0)),
            cursor: None,
            link_id: LinkId::new([2; 16]),
            session_id: Some(SessionId::new([3; 16])),
            by: None,
            data: Data::SessionIdle {},
        }
    }

    #[test]
    fn what_was_an_argument_is_left_out() {
        let names = |link, session| {
            let value = written(&event(), Named { link, session }, false);
            value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(false, false), "at data id link_id session_id type");
        assert_eq!(names(true, false), "at data id session_id type");
        assert_eq!(names(false, true), "at data id link_id type");
    }

    #[test]
    fn what_is_given_again_says_so() {
        assert_eq!(written(&event(), Named::default(), true)["redelivered"], true);
        assert!(written(&event(), Named::default(), false).get("redelivered").is_none());
    }

    #[test]
    fn typed_words_are_cleaned() {
        let mut data = Data::SessionStarted { display_name: Some("A\u{7}".to_owned()), language: None, untrusted: true };
        scrub(&mut data);
        assert_eq!(data, Data::SessionStarted { display_name: Some("A\u{fffd}".to_owned()), language: None, untrusted: true });
        let answer = |name: &str| serde_json::Map::from_iter([("values".to_owned(), serde_json::json!({"name": name}))]);
        let mut data = Data::Answer { question_id: String::new(), answer: answer("A\u{202e}"), untrusted: true };
        scrub(&mut data);
        assert_eq!(data, Data::Answer { question_id: String::new(), answer: answer("A\u{fffd}"), untrusted: true });
    }
}
