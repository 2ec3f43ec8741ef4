//! Any agent.

use domain::agent::{Agent, Command, Event, Webhook};
use proptest::prelude::*;

use super::{Subject, key, maybe};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-c]{1,2}", 1 => "\\PC{0,120}"]
}

pub(super) fn webhook() -> impl Strategy<Value = Webhook> {
    ("[a-c]", any::<bool>(), any::<u32>()).prop_map(|(url, with_text, rotation)| Webhook { url, with_text, rotation })
}

impl Subject for Agent {
    fn beginning() -> BoxedStrategy<Command> {
        Just(Command::Register { name: "a".to_owned() }).boxed()
    }

    fn command() -> BoxedStrategy<Command> {
        prop_oneof![
            1 => name().prop_map(|name| Command::Register { name }),
            4 => (key(), name(), any::<[u8; 32]>()).prop_map(|(key, name, hash)| Command::IssueKey { key, name, hash }),
            2 => key().prop_map(|key| Command::RevokeKey { key }),
            2 => maybe(webhook()).prop_map(|webhook| Command::SetWebhook { webhook }),
        ]
        .boxed()
    }

    fn event() -> BoxedStrategy<Event> {
        prop_oneof![
            name().prop_map(|name| Event::Registered { name }),
            (key(), name(), any::<[u8; 32]>()).prop_map(|(key, name, hash)| Event::KeyIssued { key, name, hash }),
            key().prop_map(|key| Event::KeyRevoked { key }),
            maybe(webhook()).prop_map(|webhook| Event::WebhookSet { webhook }),
        ]
        .boxed()
    }
}
