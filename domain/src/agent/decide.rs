//! What an agent allows.

use super::{Agent, Command, Event, Rejection};
use crate::Policy;

impl Agent {
    pub(super) fn decide(&self, command: &Command, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        match (&self.name, command) {
            (None, Command::Register { name }) => {
                within(name, policy)?;
                Ok(vec![Event::Registered { name: name.clone() }])
            }
            (Some(known), Command::Register { name }) if known == name => Ok(vec![]),
            (Some(_), Command::Register { .. }) => Err(Rejection::AlreadyRegistered),
            (None, Command::IssueKey { .. } | Command::RevokeKey { .. } | Command::SetWebhook { .. }) => Err(Rejection::Unknown),

            (Some(_), Command::IssueKey { key, .. }) if self.keys.contains_key(key) => Err(Rejection::KeyExists { key: *key }),
            (Some(_), Command::IssueKey { key, name, hash }) => {
                within(name, policy)?;
                if self.keys.values().filter(|key| !key.revoked).count() >= policy.agent_keys {
                    return Err(Rejection::TooManyKeys { limit: policy.agent_keys });
                }
                Ok(vec![Event::KeyIssued { key: *key, name: name.clone(), hash: *hash }])
            }
            (Some(_), Command::RevokeKey { key }) => match self.keys.get(key) {
                None => Err(Rejection::KeyUnknown { key: *key }),
                Some(known) if known.revoked => Ok(vec![]),
                Some(_) => Ok(vec![Event::KeyRevoked { key: *key }]),
            },
            (Some(_), Command::SetWebhook { webhook }) if self.webhook == *webhook => Ok(vec![]),
            (Some(_), Command::SetWebhook { webhook }) => match webhook {
                Some(webhook) if webhook.url.len() > policy.webhook_url_bytes => {
                    Err(Rejection::WebhookTooLong { bytes: webhook.url.len(), limit: policy.webhook_url_bytes })
                }
                webhook => Ok(vec![Event::WebhookSet { webhook: webhook.clone() }]),
            },
        }
    }
}

fn within(name: &str, policy: &Policy) -> Result<(), Rejection> {
    let characters = name.chars().count();
    if characters == 0 || characters > policy.name_characters {
        return Err(Rejection::NameLength { characters, limit: policy.name_characters });
    }
    Ok(())
}
