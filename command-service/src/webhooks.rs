//! Webhooks: set by operators only, for an agent or for one link.

use std::time::Duration;

use domain::agent::Webhook;
use domain::{Address, AgentId, LinkId, Root, agent, link};
use nats::Actor;

use crate::executor::Request;
use crate::{Commands, Receipt, Refusal};

/// A webhook to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// The address to call.
    pub url: String,
    /// Whether the calls carry texts.
    pub with_text: bool,
    /// Whether calls are signed with a new secret from now on.
    pub rotate: bool,
}

impl Commands {
    /// Sets or removes the webhook of an agent or of one of its links; returns the webhook as it is now.
    pub async fn set_webhook(
        &self,
        agent: AgentId,
        link: Option<LinkId>,
        wanted: Option<NewWebhook>,
    ) -> Result<(Option<Webhook>, Receipt), Refusal> {
        let (_, rotation) = self.known_webhook(agent, link).await?;
        let webhook = wanted.map(|NewWebhook { url, with_text, rotate }| Webhook {
            url,
            with_text,
            // The rotation never decreases: a replaced secret stays void, even after a time without a webhook.
            rotation: rotation.saturating_add(u32::from(rotate)),
        });
        let receipt = match link {
            None => self.ask_agent(agent, agent::Command::SetWebhook { webhook: webhook.clone() }).await?,
            Some(link) => {
                let command = link::Command::SetWebhook { webhook: webhook.clone() };
                self.send_link(Address::link(agent, link), Request::once(Actor::Operator, command)).await?
            }
        };
        Ok((webhook, receipt))
    }

    /// Returns an agent's webhook, or a link's own.
    pub async fn webhook(&self, agent: AgentId, link: Option<LinkId>) -> Result<Option<Webhook>, Refusal> {
        Ok(self.known_webhook(agent, link).await?.0)
    }

    /// Returns the webhook, and the rotation of the newest secret.
    async fn known_webhook(&self, agent: AgentId, link: Option<LinkId>) -> Result<(Option<Webhook>, u32), Refusal> {
        let Some(link) = link else {
            let look = |root: &Root<agent::Agent>| {
                let agent = &root.state;
                agent.name.is_some().then(|| (agent.webhook.clone(), agent.webhook_rotation))
            };
            let known = self.inner.agents.look(Address::agent(agent), Duration::ZERO, look).await?;
            return known.ok_or(Refusal::Agent(agent::Rejection::Unknown));
        };
        let look = |root: &Root<link::Link>| {
            let link = &root.state;
            (link.status != link::Status::Unknown).then(|| (link.webhook.clone(), link.webhook_rotation))
        };
        let known = self.inner.links.look(Address::link(agent, link), Duration::ZERO, look).await?;
        known.ok_or(Refusal::Link(link::Rejection::Unknown))
    }
}
