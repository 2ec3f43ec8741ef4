//! API keys: what an agent authenticates with. Only a keyed hash of the secret in one is ever recorded.

use std::fmt;

use domain::{AgentId, KeyId};
use zeroize::Zeroizing;

use crate::credentials::tags::{decode, encode};
use crate::keys::secrets::{Secrets, context};

/// Writes, reads and hashes API keys: `tc_<version>_<agent>_<key>_<secret>`.
#[derive(Clone)]
pub struct ApiKeys {
    hashing: Zeroizing<[u8; 32]>,
}

const API_KEY_VERSION: &str = "1";

impl ApiKeys {
    /// Derives the key of the hashes under which secrets are recorded.
    pub fn new(secrets: &Secrets) -> Self {
        Self { hashing: secrets.derive(context::API_KEY) }
    }

    /// Writes an API key around 32 random bytes; it is shown once.
    pub fn issue(&self, agent: AgentId, key: KeyId, secret: &[u8; 32]) -> String {
        let (agent, key, secret) = (encode(agent.bytes()), encode(key.bytes()), Zeroizing::new(encode(secret)));
        format!("tc_{API_KEY_VERSION}_{agent}_{key}_{}", *secret)
    }

    /// Parses an API key; the caller compares the secret's hash with the one that the agent has recorded.
    pub fn parse(&self, text: &str) -> Option<(AgentId, KeyId, Zeroizing<[u8; 32]>)> {
        let mut parts = text.strip_prefix("tc_")?.split('_');
        let (version, agent, key, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != API_KEY_VERSION || parts.next().is_some() {
            return None;
        }
        let (agent, key) = (decode(agent)?.try_into().ok()?, decode(key)?.try_into().ok()?);
        let secret: &[u8; 32] = &decode(secret)?.as_slice().try_into().ok()?;
        Some((AgentId::new(agent), KeyId::new(key), Zeroizing::new(*secret)))
    }

    /// Hashes a secret for the record (keyed BLAKE3); compare hashes in constant time.
    pub fn hash(&self, secret: &[u8; 32]) -> [u8; 32] {
        *blake3::keyed_hash(&self.hashing, secret).as_bytes()
    }
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const KEY: KeyId = KeyId::new([4; 16]);

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#)).unwrap()
    }

    #[test]
    fn the_formats_never_change() {
        let keys = ApiKeys::new(&fixed());
        insta::assert_snapshot!(keys.issue(AGENT, KEY, &[5; 32]), @"tc_1_aeaqcaibaeaqcaibaeaqcaibae_aqcaibaeaqcaibaeaqcaibaeaq_aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq");
        insta::assert_snapshot!(data_encoding::HEXLOWER.encode(&keys.hash(&[5; 32])), @"5c94be1b954dcb433510f24ca181257e6c8f7d578edbfec5f3a130452227a6ea");
    }

    #[test]
    fn an_api_key_comes_apart_as_it_was_put_together() {
        let keys = ApiKeys::new(&fixed());
        let text = keys.issue(AGENT, KEY, &[5; 32]);
        assert_eq!(keys.parse(&text).map(|(agent, key, secret)| (agent, key, *secret)), Some((AGENT, KEY, [5; 32])));
        for broken in
            ["", "tc_", "tc_1_a_b_c", &text[1..], &format!("{text}_"), &text.replace("tc_1", "tc_2"), &text.to_uppercase()]
        {
            assert!(keys.parse(broken).is_none(), "{broken}");
        }
        assert_ne!(keys.hash(&[5; 32]), ApiKeys::new(&Secrets::generate()).hash(&[5; 32]));
    }

    #[test]
    fn debug_output_tells_no_key() {
        assert_eq!(format!("{:?}", ApiKeys::new(&fixed())), "ApiKeys { .. }");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,140}") {
            prop_assert!(ApiKeys::new(&fixed()).parse(&text).is_none());
        }
    }
}
