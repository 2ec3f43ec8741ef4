//! Events as agents get them: texts opened and sanitized, without what the call named itself.

use std::collections::HashMap;

use command_service::Principal;
use domain::session::Event as SessionEvent;
use domain::{Address, KeyId, Target};
use events::sanitize::clean;
use events::{Audience, Data, Event, present};
use nats::{Actor, AnyEvent, Fact, Vault};
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde_json::Value;

use super::call::Call;
use super::hearing::Named;
use super::rollup::Recipients;
use crate::app::App;
use crate::problem::Problem;

/// Opens and tells facts of one agent; holds keys, so not for longer than one answer.
pub(crate) struct Teller<'a> {
    app: &'a App,
    principal: &'a Principal,
    vaults: HashMap<Address, Vault>,
    names: HashMap<KeyId, Option<String>>,
    recipients: Recipients<'a>,
}

impl<'a> Teller<'a> {
    pub(super) fn new(call: &'a Call) -> Self {
        Self::of(call.app(), &call.principal)
    }

    /// Tells them to whoever holds one of the agent's keys.
    pub(crate) fn of(app: &'a App, principal: &'a Principal) -> Self {
        let recipients = Recipients::of(app, principal.agent);
        Self { app, principal, vaults: HashMap::new(), names: HashMap::new(), recipients }
    }

    /// Tells a fact, if it is one for agents.
    pub(crate) async fn event(&mut self, fact: &Fact) -> Result<Option<Event>, Problem> {
        let vault = self.vault(fact.address).await?;
        let Some(mut event) = present(fact, &vault, self.app.cursors(), Audience::Agent)? else { return Ok(None) };
        if matches!(event.data, Data::Message { text: None, .. }) {
            // Of an erased session nothing but its end is worth a model's time.
            return Ok(None);
        }
        if let (Data::SessionStarted { recipient, .. }, Some(number)) = (&mut event.data, recipient_of(&fact.event)) {
            *recipient = self.recipients.label(event.link_id, Some(number)).await?;
        }
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
            Target::Session(_) => self.app.backbone().opener().vault(address).await?,
        };
        self.vaults.insert(address, vault.clone());
        Ok(vault)
    }

    async fn is_due_to_be_gone(&self, address: Address) -> Result<bool, Problem> {
        let state = self.app.commands().session(address).await?;
        let at_latest = state.settings.as_ref().map(|settings| settings.expires_at + settings.keep_after_end);
        Ok(state.erase_at().or(at_latest).is_some_and(|at| at <= command_service::clock::now()))
    }

    async fn name(&mut self, key: KeyId) -> Result<Option<String>, Problem> {
        if key == self.principal.key {
            return Ok(Some(clean(&self.principal.key_name)));
        }
        if let Some(name) = self.names.get(&key) {
            return Ok(name.clone());
        }
        let name = self.app.commands().key_name(self.principal.agent, key).await?.map(|name| clean(&name));
        self.names.insert(key, name.clone());
        Ok(name)
    }
}

/// An event as [`written`] writes it; its type tells what is in its data.
#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "a shape is never filled")]
pub(super) struct Written {
    id: String,
    r#type: String,
    session_id: Option<String>,
    data: JsonObject,
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

/// Tells as which recipient of its link somebody came.
fn recipient_of(event: &AnyEvent) -> Option<u8> {
    if let AnyEvent::Session(SessionEvent::Started { recipient, .. }) = event { *recipient } else { None }
}

#[cfg(test)]
mod tests {
    use domain::{CommandId, LinkId, SessionId, Timestamp};
    use events::Moment;
    use nats::EventId;

    use super::*;

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
}
