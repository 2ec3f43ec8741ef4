//! How an agent changes by what happened.

use super::{Agent, Event, Key};

impl Agent {
    pub(super) fn evolve(&mut self, event: &Event) {
        match event {
            Event::Registered { name } => self.name = Some(name.clone()),
            Event::KeyIssued { key, name, hash } => {
                self.keys.insert(*key, Key { name: name.clone(), hash: *hash, revoked: false });
            }
            Event::KeyRevoked { key } => {
                if let Some(key) = self.keys.get_mut(key) {
                    key.revoked = true;
                }
            }
            Event::WebhookSet { webhook } => {
                self.webhook_rotation = webhook.as_ref().map_or(self.webhook_rotation, |webhook| webhook.rotation);
                self.webhook.clone_from(webhook);
            }
        }
    }
}
