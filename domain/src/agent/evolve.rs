//! How an agent's state changes by its events.

use super::{Agent, Event, Key, Retired};
use crate::Timestamp;

impl Agent {
    pub(super) fn evolve(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::Registered { name } => self.name = Some(name.clone()),
            Event::KeyIssued { key, name, hash, grant } => {
                let new = Key { name: name.clone(), hash: *hash, retired: vec![], grant: grant.clone(), revoked: false };
                self.keys.insert(*key, new);
            }
            Event::KeyRotated { key, hash, until, expires_at } => {
                if let Some(key) = self.keys.get_mut(key) {
                    let so_far = Retired { hash: key.hash, until: *until };
                    // No secret outlives the overlap of a later one.
                    key.retired.iter_mut().for_each(|retired| retired.until = retired.until.min(*until));
                    key.retired.push(so_far);
                    key.retired.retain(|retired| retired.until > at);
                    key.hash = *hash;
                    key.grant.expires_at = *expires_at;
                }
            }
            Event::KeyRevoked { key } => {
                if let Some(key) = self.keys.get_mut(key) {
                    key.revoked = true;
                    key.retired.clear();
                }
            }
            Event::WebhookSet { webhook } => {
                self.webhook_rotation = webhook.as_ref().map_or(self.webhook_rotation, |webhook| webhook.rotation);
                self.webhook.clone_from(webhook);
            }
        }
    }
}
