//! What an agent's events change.

use domain::agent::Event;

use super::{Context, Rows};
use crate::column::{Id, moment};
use crate::table::agent::{AgentRow, KeyRow};

impl Rows {
    pub(super) fn fold_agent(&mut self, commit: &Context, event: &Event) {
        let Context { agent, shard, sequence, at } = *commit;
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
            Event::KeyIssued { key, name, hash: _ } => {
                let row =
                    KeyRow { id: key.column(), agent, shard, name: name.clone(), issued_at: at, revoked_at: None, sequence };
                self.keys.put(row.id, row);
            }
            Event::KeyRevoked { key } => {
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
