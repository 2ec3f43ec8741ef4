//! Agents and their API keys.

use std::time::Duration;

use domain::agent::{Agent, Command, Grant, Key, Rejection};
use domain::link::{self, Status};
use domain::{Address, AgentId, KeyId, Millis, Root, Timestamp};
use nats::ApiKey;
use subtle::{Choice, ConstantTimeEq};

use crate::{Commands, Receipt, Refusal, clock, random};

/// How long a key that another process revoked may still be accepted: less than a second, with the answer.
pub const KEYS_SEEN_WITHIN: Duration = Duration::from_millis(800);
/// How old a name may be that is shown.
const NAMES_SEEN_WITHIN: Duration = Duration::from_secs(5);

/// The holder of a valid API key.
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
    /// What the key permits.
    pub grant: Grant,
    /// Until when what was presented is good, as far as that is known: a key's own end, that of a secret that was replaced, a token's.
    pub good_until: Option<Timestamp>,
}

/// A key just issued; its text is shown only once.
#[derive(Clone)]
pub struct NewKey {
    /// The key's id.
    pub key: KeyId,
    /// The API key itself.
    pub text: String,
    /// The receipt of its issue.
    pub receipt: Receipt,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewKey").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Commands {
    /// Registers an agent.
    pub async fn register_agent(&self, name: &str) -> Result<(AgentId, Receipt), Refusal> {
        let agent = AgentId::new(random::bytes());
        let receipt = self.ask_agent(agent, Command::Register { name: name.to_owned() }).await?;
        Ok((agent, receipt))
    }

    /// Issues another key to an agent; a link that the key is limited to must be the agent's, and not erased.
    pub async fn issue_key(&self, agent: AgentId, name: &str, grant: Grant) -> Result<NewKey, Refusal> {
        if let Some(link) = grant.link {
            match self.link(agent, link).await?.status {
                Status::Unknown => return Err(Refusal::Link(link::Rejection::Unknown)),
                Status::Erased => return Err(Refusal::Link(link::Rejection::Erased)),
                Status::Active | Status::Paused | Status::Expired | Status::Revoked => {}
            }
        }
        let key = KeyId::new(random::bytes());
        let secret = random::bytes();
        let command = Command::IssueKey { key, name: name.to_owned(), hash: self.inner.api_keys.hash(&secret), grant };
        let receipt = self.ask_agent(agent, command).await?;
        Ok(NewKey { key, text: self.inner.api_keys.issue(agent, key, &secret), receipt })
    }

    /// Gives a key a new secret; the earlier ones stay valid for `overlap`. `expires_at` moves the key's expiry.
    pub async fn rotate_key(
        &self,
        agent: AgentId,
        key: KeyId,
        overlap: Millis,
        expires_at: Option<Timestamp>,
    ) -> Result<NewKey, Refusal> {
        let secret = random::bytes();
        let command = Command::RotateKey { key, hash: self.inner.api_keys.hash(&secret), overlap, expires_at };
        let receipt = self.ask_agent(agent, command).await?;
        Ok(NewKey { key, text: self.inner.api_keys.issue(agent, key, &secret), receipt })
    }

    /// Revokes a key for good.
    pub async fn revoke_key(&self, agent: AgentId, key: KeyId) -> Result<Receipt, Refusal> {
        self.ask_agent(agent, Command::RevokeKey { key }).await
    }

    /// Checks an API key against the log; one that this installation did not issue is refused without a look into it.
    pub async fn authenticate(&self, presented: &str) -> Result<Principal, Refusal> {
        let ApiKey { agent, key, secret, is_tagged } = self.inner.api_keys.parse(presented).ok_or(Refusal::KeyInvalid)?;
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
                    good_until: good_until(known, &hash),
                }),
            }
        };
        match self.inner.agents.look(Address::agent(agent), KEYS_SEEN_WITHIN, judge).await? {
            // Another process may have issued or rotated it a moment ago: read the newest state.
            Err(Refusal::KeyInvalid | Refusal::KeyExpired { .. }) => {
                // Without a tag anybody can make one up: what was seen a moment ago is good enough.
                let age = if is_tagged { Duration::ZERO } else { KEYS_SEEN_WITHIN };
                self.inner.agents.look(Address::agent(agent), age, judge).await?
            }
            judged => judged,
        }
    }

    /// Returns the agent and the key that an API key names, where this installation is known to have issued it; whether it is still good is
    /// another question.
    pub fn named_by(&self, presented: &str) -> Option<(AgentId, KeyId)> {
        let key = self.inner.api_keys.parse(presented).filter(|key| key.is_tagged)?;
        Some((key.agent, key.key))
    }

    /// Returns the key id of an authorization server's subject that acts for an agent; no issued key has the same id.
    pub fn key_of_subject(&self, agent: AgentId, issuer: &str, subject: &str) -> KeyId {
        self.inner.derived.key_of_subject(agent, issuer, subject)
    }

    /// Returns the name of an agent's key, which only the agent's own team sees.
    pub async fn key_name(&self, agent: AgentId, key: KeyId) -> Result<Option<String>, Refusal> {
        let look = |root: &Root<Agent>| root.state.keys.get(&key).map(|key| key.name.clone());
        Ok(self.inner.agents.look(Address::agent(agent), NAMES_SEEN_WITHIN, look).await?)
    }

    /// Returns an agent's name.
    pub async fn agent_name(&self, agent: AgentId) -> Result<String, Refusal> {
        let look = |root: &Root<Agent>| root.state.name.clone();
        self.inner.agents.look(Address::agent(agent), NAMES_SEEN_WITHIN, look).await?.ok_or(Refusal::Agent(Rejection::Unknown))
    }
}

/// Tells whether a secret's hash is one of the key's; compares with all of them in constant time.
fn opens(key: &Key, hash: &[u8; 32], now: Timestamp) -> bool {
    let same = key.hashes(now).fold(Choice::from(0), |same, known| same | known.ct_eq(hash));
    bool::from(same) && !key.revoked
}

/// Tells until when a key's secret is good; `hash` is one of the key's.
fn good_until(key: &Key, hash: &[u8; 32]) -> Option<Timestamp> {
    let replaced = key.retired.iter().filter(|retired| key.hash != *hash && retired.hash == *hash).map(|retired| retired.until);
    replaced.max().into_iter().chain(key.grant.expires_at).min()
}
