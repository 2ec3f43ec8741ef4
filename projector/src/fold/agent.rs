//! What an agent's events change.

use domain::agent::{Event, Scope};
use follower::{Id, moment};

use super::{Context, Rows};
use crate::table::agent::{AgentRow, KeyRow};

impl Rows {
    pub(super) fn fold_agent(&mut self, commit: &Context, event: &Event) {
        let Context { agent, shard, sequence, at, .. } = *commit;
        let at = moment(at);
        match event {
            Event::Registered { name } => self.agents.put(
                agent,
                AgentRow {
                    id: agent,
                    shard,
                    name: name.clone(),
                    registered_at: at,
                    webhook_url: None,
                    webhook_with_text: None,
                    webhook_rotation: None,
                    sequence,
                },
            ),
            Event::KeyIssued { key, name, hash: _, grant } => {
                let scopes = grant.scopes.as_ref();
                let row = KeyRow {
                    id: key.column(),
                    agent,
                    shard,
                    name: name.clone(),
                    scopes: scopes.map(|scopes| scopes.iter().copied().map(Scope::as_str).map(str::to_owned).collect()),
                    link: grant.link.map(|link| link.column()),
                    issued_at: at,
                    expires_at: grant.expires_at.map(moment),
                    rotated_at: None,
                    overlap_until: None,
                    revoked_at: None,
                    sequence,
                };
                self.unread.add_issued(row.id);
                self.keys.put(row.id, row);
            }
            Event::KeyRotated { key, hash: _, until, expires_at } => {
                if let Some(row) = self.keys.change(&key.column()) {
                    row.rotated_at = Some(at);
                    row.overlap_until = Some(moment(*until));
                    row.expires_at = expires_at.map(moment);
                    row.sequence = sequence;
                }
            }
            Event::KeyRevoked { key } => {
                self.unread.add_revoked(key.column());
                if let Some(row) = self.keys.change(&key.column()) {
                    row.revoked_at = Some(at);
                    row.sequence = sequence;
                }
            }
            Event::WebhookSet { webhook } => {
                if let Some(row) = self.agents.change(&agent) {
                    row.webhook_url = webhook.as_ref().map(|webhook| webhook.url.clone());
                    row.webhook_with_text = webhook.as_ref().map(|webhook| webhook.with_text);
                    row.webhook_rotation = webhook.as_ref().map(|webhook| i64::from(webhook.rotation));
                }
            }
        }
        if let Some(row) = self.agents.change(&agent) {
            row.sequence = sequence;
        }
    }
}
