//! Shutting a device out of a link: by a hash of its client id under the link's key, so that nothing is known of it once that is erased.

use std::time::Duration;

use domain::session::EndReason;
use domain::{Address, AgentId, Fingerprint, LinkId, Root, Target, link, session};
use nats::{Actor, DataKey};

use crate::executor::Request;
use crate::links::LINKS_SEEN_WITHIN;
use crate::{Commands, Receipt, Refusal};

impl Commands {
    /// Ends the chat and shuts its devices out of the link: first out, then the end, so that none comes back in between.
    pub async fn block(&self, session: Address, actor: Actor, farewell: Option<&str>) -> Result<Receipt, Refusal> {
        let view = |root: &Root<session::Session>| (root.state.link, root.state.clients.clone(), root.state.network);
        let (at_link, clients, network) = self.inner.sessions.look(session, Duration::ZERO, view).await?;
        if let (Some(at_link), Target::Session(id)) = (at_link, session.target) {
            let block = link::Command::Block { session: id, clients: clients.into_iter().collect(), network };
            match self.send_link(Address::link(session.agent, at_link), Request::once(actor, block)).await {
                // Nobody comes in by a link that is gone.
                Ok(_) | Err(Refusal::Link(link::Rejection::Unknown | link::Rejection::Erased)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        self.end(session, actor, EndReason::Blocked, farewell).await
    }

    /// Tells whether a newcomer is to prove that they mean it: somebody from their network was shut out of the link. Who was shut out
    /// themselves is refused.
    pub async fn must_prove(&self, agent: AgentId, link: LinkId, client_id: &str, network: &str) -> Result<bool, Refusal> {
        let at_link = Address::link(agent, link);
        let has_any = self.inner.links.look(at_link, LINKS_SEEN_WITHIN, |root| !root.state.blocked.is_empty()).await?;
        let Some(key) = (if has_any { self.key(at_link).await? } else { None }) else { return Ok(false) };
        let (client, network) = (client_hash(&key, client_id), network_hash(&key, network));
        let view = |root: &Root<link::Link>| (root.state.has_blocked(&client), root.state.has_blocked_from(&network));
        let (is_blocked, is_near) = self.inner.links.look(at_link, LINKS_SEEN_WITHIN, view).await?;
        if is_blocked { Err(Refusal::Link(link::Rejection::Blocked)) } else { Ok(is_near) }
    }

    /// Returns a client's hash at a link, none once that is erased; who was shut out gets the refusal of an unknown code.
    pub(crate) async fn client_of(&self, at_link: Address, client_id: &str) -> Result<Option<Fingerprint>, Refusal> {
        let Some(key) = self.key(at_link).await? else { return Ok(None) };
        let client = client_hash(&key, client_id);
        if self.inner.links.look(at_link, LINKS_SEEN_WITHIN, |root| root.state.has_blocked(&client)).await? {
            return Err(Refusal::Session(session::Rejection::HandoffUnknown));
        }
        Ok(Some(client))
    }
}

/// Hashes a client's secret id under its link's key.
pub(crate) fn client_hash(link: &DataKey, client_id: &str) -> Fingerprint {
    link.fingerprint(&[b"client", client_id.as_bytes()])
}

/// Hashes the network that a client comes from under its link's key.
pub(crate) fn network_hash(link: &DataKey, network: &str) -> Fingerprint {
    link.fingerprint(&[b"network", network.as_bytes()])
}
