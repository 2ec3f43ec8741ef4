//! Any agent.

use domain::LinkId;
use domain::agent::{Agent, Command, Event, Grant, Scope, Webhook};
use proptest::prelude::*;

use super::{Subject, key, maybe, millis, timestamp};

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-c]{1,2}", 1 => "\\PC{0,120}"]
}

pub(super) fn webhook() -> impl Strategy<Value = Webhook> {
    ("[a-c]", any::<bool>(), any::<u32>()).prop_map(|(url, with_text, rotation)| Webhook { url, with_text, rotation })
}

fn grant() -> impl Strategy<Value = Grant> {
    let scopes = proptest::collection::btree_set(proptest::sample::select(Scope::ALL.to_vec()), 0..4);
    let link = any::<[u8; 16]>().prop_map(LinkId::new);
    (maybe(scopes), maybe(link), maybe(timestamp())).prop_map(|(scopes, link, expires_at)| Grant { scopes, link, expires_at })
}

impl Subject for Agent {
    fn beginning() -> BoxedStrategy<Command> {
        Just(Command::Register { name: "a".to_owned() }).boxed()
    }

    fn command() -> BoxedStrategy<Command> {
        prop_oneof![
            1 => name().prop_map(|name| Command::Register { name }),
            4 => (key(), name(), any::<[u8; 32]>(), grant())
                .prop_map(|(key, name, hash, grant)| Command::IssueKey { key, name, hash, grant }),
            3 => (key(), any::<[u8; 32]>(), millis(), maybe(timestamp()))
                .prop_map(|(key, hash, overlap, expires_at)| Command::RotateKey { key, hash, overlap, expires_at }),
            2 => key().prop_map(|key| Command::RevokeKey { key }),
            2 => maybe(webhook()).prop_map(|webhook| Command::SetWebhook { webhook }),
        ]
        .boxed()
    }

    fn event() -> BoxedStrategy<Event> {
        prop_oneof![
            name().prop_map(|name| Event::Registered { name }),
            (key(), name(), any::<[u8; 32]>(), grant()).prop_map(|(key, name, hash, grant)| Event::KeyIssued {
                key,
                name,
                hash,
                grant
            }),
            (key(), any::<[u8; 32]>(), timestamp(), maybe(timestamp()))
                .prop_map(|(key, hash, until, expires_at)| Event::KeyRotated { key, hash, until, expires_at }),
            key().prop_map(|key| Event::KeyRevoked { key }),
            maybe(webhook()).prop_map(|webhook| Event::WebhookSet { webhook }),
        ]
        .boxed()
    }
}
