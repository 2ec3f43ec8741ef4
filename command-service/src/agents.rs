//! Agents and their API keys.

use std::time::Duration;

use domain::agent::{Agent, Command, Grant, Key, Rejection};
use domain::link::{self, Status};
use domain::{Address, AgentId, CommandId, Fingerprint, KeyId, Millis, Root, Timestamp};
use nats::{Actor, Reserve};
use subtle::{Choice, ConstantTimeEq};

use crate::executor::Order;
use crate::{Commands, Receipt, Refusal, chance, clock};

/// How long a key that another process revoked may still be accepted.
const KEYS_SEEN_WITHIN: Duration = Duration::from_secs(5);

/// Who presents a valid API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant.
    pub agent: AgentId,
    /// The tenant's name.
    pub agent_name: String,
    /// The key.
    pub key: KeyId,
    /// The key's name.
    pub key_name: String,
    /// What it may do.
    pub grant: Grant,
}

/// A key just issued: its text is shown this once.
#[derive(Clone)]
pub struct NewKey {
    /// The key's id.
    pub key: KeyId,
    /// What its holder presents.
    pub text: String,
    /// Where its issue stands in the log.
    pub receipt: Receipt,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Commands {
    /// Makes an agent known.
    pub async fn register_agent(&self, name: &str) -> Result<(AgentId, Receipt), Refusal> {
        let agent = AgentId::new(chance::bytes());
        let receipt = self.ask_agent(agent, Command::Register { name: name.to_owned() }).await?;
        Ok((agent, receipt))
    }

    /// Gives an agent one more key; a link that it is limited to must be the agent's.
    pub async fn issue_key(&self, agent: AgentId, name: &str, grant: Grant) -> Result<NewKey, Refusal> {
        if let Some(link) = grant.link
            && self.link(agent, link).await?.status == Status::Unknown
        {
            return Err(Refusal::Link(link::Rejection::Unknown));
        }
        let key = KeyId::new(chance::bytes());
        let secret = chance::bytes();
        let command = Command::IssueKey { key, name: name.to_owned(), hash: self.inner.api_keys.hash(&secret), grant };
        let receipt = self.ask_agent(agent, command).await?;
        Ok(NewKey { key, text: self.inner.api_keys.issue(agent, key, &secret), receipt })
    }

    /// Gives a key a new secret; those so far are good for `overlap` more. `expires_at` moves the key's end.
    pub async fn rotate_key(
        &self,
        agent: AgentId,
        key: KeyId,
        overlap: Millis,
        expires_at: Option<Timestamp>,
    ) -> Result<NewKey, Refusal> {
        let secret = chance::bytes();
        let command = Command::RotateKey { key, hash: self.inner.api_keys.hash(&secret), overlap, expires_at };
        let receipt = self.ask_agent(agent, command).await?;
        Ok(NewKey { key, text: self.inner.api_keys.issue(agent, key, &secret), receipt })
    }

    /// Takes a key back for good.
    pub async fn revoke_key(&self, agent: AgentId, key: KeyId) -> Result<Receipt, Refusal> {
        self.ask_agent(agent, Command::RevokeKey { key }).await
    }

    /// Checks an API key against the log.
    pub async fn authenticate(&self, presented: &str) -> Result<Principal, Refusal> {
        let (agent, key, secret) = self.inner.api_keys.parse(presented).ok_or(Refusal::KeyInvalid)?;
        let hash = self.inner.api_keys.hash(&secret);
        let now = clock::now();
        let judge = |root: &Root<Agent>| {
            let known = root.state.keys.get(&key).filter(|known| opens(known, &hash, now)).ok_or(Refusal::KeyInvalid)?;
            match known.grant.ended(now) {
                Some(at) => Err(Refusal::KeyExpired { at }),
                None => Ok(Principal {
                    agent,
                    agent_name: root.state.name.clone().unwrap_or_default(),
                    key,
                    key_name: known.name.clone(),
                    grant: known.grant.clone(),
                }),
            }
        };
        match self.inner.agents.look(Address::agent(agent), KEYS_SEEN_WITHIN, judge).await? {
            // It may have been issued or rotated a moment ago, by another process.
            Err(Refusal::KeyInvalid | Refusal::KeyExpired { .. }) => {
                self.inner.agents.look(Address::agent(agent), Duration::ZERO, judge).await?
            }
            judged => judged,
        }
    }

    /// Returns the key id under which a subject of an authorization server acts for an agent; no issued key has it.
    pub fn key_of_subject(&self, agent: AgentId, issuer: &str, subject: &str) -> KeyId {
        self.inner.derived.key_of_subject(agent, issuer, subject)
    }

    /// Returns the name under which an agent's key acts, shown to its own team.
    pub async fn key_name(&self, agent: AgentId, key: KeyId) -> Result<Option<String>, Refusal> {
        let look = |root: &Root<Agent>| root.state.keys.get(&key).map(|key| key.name.clone());
        Ok(self.inner.agents.look(Address::agent(agent), KEYS_SEEN_WITHIN, look).await?)
    }

    /// Returns an agent's name.
    pub async fn agent_name(&self, agent: AgentId) -> Result<String, Refusal> {
        let look = |root: &Root<Agent>| root.state.name.clone();
        self.inner.agents.look(Address::agent(agent), KEYS_SEEN_WITHIN, look).await?.ok_or(Refusal::Agent(Rejection::Unknown))
    }

    /// Carries out an operator's command; each is an attempt of its own.
    pub(crate) async fn ask_agent(&self, agent: AgentId, command: Command) -> Result<Receipt, Refusal> {
        let reserve = match command {
            // A full log must not keep a stolen key valid.
            Command::RevokeKey { .. } => Reserve::Ending,
            Command::Register { .. } | Command::IssueKey { .. } | Command::RotateKey { .. } | Command::SetWebhook { .. } => {
                Reserve::Ordinary
            }
        };
        let id = CommandId::new(chance::bytes());
        let order = Order { id, fingerprint: Fingerprint::new(*id.bytes()), actor: Actor::Operator, reserve, command };
        let outcome = self.inner.agents.execute(Address::agent(agent), order).await?;
        Ok(self.receipt(agent, &outcome))
    }
}

/// Tells whether a secret's hash is one of the key's; looks at all of them, so that the time it takes tells nothing.
fn opens(key: &Key, hash: &[u8; 32], now: Timestamp) -> bool {
    let same = key.hashes(now).fold(Choice::from(0), |same, known| same | known.ct_eq(hash));
    bool::from(same) && !key.revoked
}
