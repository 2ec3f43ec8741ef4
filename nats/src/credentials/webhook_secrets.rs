//! The secrets that sign webhooks: derived, never stored, so that an operator can be shown one again at any time.

use std::fmt;

use data_encoding::BASE64;
use domain::{AgentId, LinkId};
use zeroize::Zeroizing;

use crate::keys::secrets::{Secrets, context};

/// The prefix of a signing secret (Standard Webhooks, "Symmetric").
const PREFIX: &str = "whsec_";

/// Derives signing secrets.
#[derive(Clone)]
pub struct WebhookSecrets {
    key: Zeroizing<[u8; 32]>,
}

impl WebhookSecrets {
    /// Derives the key of all signing secrets.
    pub fn new(secrets: &Secrets) -> Self {
        Self { key: secrets.derive(context::WEBHOOK) }
    }

    /// Returns the secret of an agent's webhook or, with `link`, of that link's own: 32 bytes of keyed BLAKE3 over
    /// `agent 16 | link 16, where it is the link's | rotation u32, big-endian`, as `whsec_` and base64.
    pub fn text(&self, agent: AgentId, link: Option<LinkId>, rotation: u32) -> Zeroizing<String> {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(agent.bytes());
        // The two forms differ in length.
        hasher.update(link.as_ref().map_or(&[][..], |link| link.bytes()));
        hasher.update(&rotation.to_be_bytes());
        let secret = Zeroizing::new(*hasher.finalize().as_bytes());
        Zeroizing::new(format!("{PREFIX}{}", BASE64.encode(&*secret)))
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookSecrets").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const LINK: LinkId = LinkId::new([2; 16]);

    fn fixed() -> WebhookSecrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        let text = format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#);
        WebhookSecrets::new(&Secrets::parse(&text).unwrap())
    }

    #[test]
    fn every_webhook_and_every_rotation_has_a_secret_of_its_own() {
        let secrets = fixed();
        let all = [
            secrets.text(AGENT, None, 0),
            secrets.text(AGENT, None, 1),
            secrets.text(AGENT, Some(LINK), 0),
            secrets.text(AgentId::new([3; 16]), None, 0),
            WebhookSecrets::new(&Secrets::generate()).text(AGENT, None, 0),
        ];
        for (at, one) in all.iter().enumerate() {
            assert_eq!(BASE64.decode(one.strip_prefix(PREFIX).unwrap().as_bytes()).unwrap().len(), 32);
            assert!(all[at + 1..].iter().all(|other| other != one));
        }
        assert_eq!(secrets.text(AGENT, None, 0), all[0]);
    }
}
