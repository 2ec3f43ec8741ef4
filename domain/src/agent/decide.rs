//! The decisions of an agent.

use std::collections::BTreeSet;

use super::{Agent, Command, Event, Rejection};
use crate::{Millis, Policy, Timestamp};

impl Agent {
    pub(super) fn decide(&self, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        match (&self.name, command) {
            (None, Command::Register { name }) => {
                within(name, policy)?;
                Ok(vec![Event::Registered { name: name.clone() }])
            }
            (Some(known), Command::Register { name }) if known == name => Ok(vec![]),
            (Some(_), Command::Register { .. }) => Err(Rejection::AlreadyRegistered),
            (
                None,
                Command::IssueKey { .. } | Command::RotateKey { .. } | Command::RevokeKey { .. } | Command::SetWebhook { .. },
            ) => Err(Rejection::Unknown),

            (Some(_), Command::IssueKey { key, .. }) if self.keys.contains_key(key) => Err(Rejection::KeyExists { key: *key }),
            (Some(_), Command::IssueKey { key, name, hash, grant }) => {
                within(name, policy)?;
                lasting(grant.expires_at, now)?;
                if grant.scopes.as_ref().is_some_and(BTreeSet::is_empty) {
                    return Err(Rejection::NoScopes);
                }
                if self.keys.values().filter(|key| key.is_valid(now)).count() >= policy.agent_keys {
                    return Err(Rejection::TooManyKeys { limit: policy.agent_keys });
                }
                Ok(vec![Event::KeyIssued { key: *key, name: name.clone(), hash: *hash, grant: grant.clone() }])
            }
            (Some(_), Command::RotateKey { key, hash, overlap, expires_at }) => {
                let known = self.keys.get(key).filter(|known| !known.revoked).ok_or(Rejection::KeyUnknown { key: *key })?;
                lasting(known.grant.expires_at, now)?;
                let expires_at = expires_at.or(known.grant.expires_at);
                lasting(expires_at, now)?;
                if *overlap < Millis(0) || *overlap > policy.longest_overlap {
                    return Err(Rejection::OverlapOutOfRange { longest: policy.longest_overlap });
                }
                let good = known.retired.iter().filter(|retired| retired.until > now).count();
                if *overlap > Millis(0) && good >= policy.retired_secrets {
                    return Err(Rejection::TooManySecrets { limit: policy.retired_secrets });
                }
                Ok(vec![Event::KeyRotated { key: *key, hash: *hash, until: now + *overlap, expires_at }])
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

fn lasting(expires_at: Option<Timestamp>, now: Timestamp) -> Result<(), Rejection> {
    match expires_at {
        Some(end) if end <= now => Err(Rejection::EndsInThePast),
        Some(_) | None => Ok(()),
    }
}
