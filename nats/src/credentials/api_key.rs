//! API keys: what an agent authenticates with. Only a keyed hash of the secret in one is ever recorded.
//!
//! A key carries a tag, so that one that this installation did not issue is refused without asking any store. Keys from before there
//! were tags are still read: whether they are genuine only the agent's record tells.

use std::fmt;

use domain::{AgentId, KeyId};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::credentials::tags::{TAG, Tags, decode, encode};
use crate::keys::secrets::{Secrets, context};

/// Writes, reads and hashes API keys: `tc_2_<agent>_<key>_<secret and tag>`, or `tc_1_<agent>_<key>_<secret>` without a tag.
#[derive(Clone)]
pub struct ApiKeys {
    hashing: Zeroizing<[u8; 32]>,
    tags: Tags,
}

const UNTAGGED_VERSION: &str = "1";
const TAGGED_VERSION: &str = "2";

/// What an API key holds; the caller compares the secret's hash with the one that the agent has recorded.
#[expect(missing_debug_implementations, reason = "holds a secret")]
pub struct ApiKey {
    /// The tenant.
    pub agent: AgentId,
    /// The key's id.
    pub key: KeyId,
    /// The secret.
    pub secret: Zeroizing<[u8; 32]>,
    /// Whether this installation is known to have issued it; without a tag anybody may have made it up.
    pub is_tagged: bool,
}

impl ApiKeys {
    /// Derives the keys of the tags, and of the hashes under which secrets are recorded.
    pub fn new(secrets: &Secrets) -> Self {
        Self { hashing: secrets.derive(context::API_KEY), tags: Tags::new(secrets, context::API_KEY_TAG) }
    }

    /// Writes an API key around 32 random bytes; it is shown once.
    pub fn issue(&self, agent: AgentId, key: KeyId, secret: &[u8; 32]) -> String {
        let tag = self.tag(agent, key, secret);
        let secret = Zeroizing::new(encode(&Zeroizing::new([secret.as_slice(), &tag].concat())));
        format!("tc_{TAGGED_VERSION}_{}_{}_{}", encode(agent.bytes()), encode(key.bytes()), *secret)
    }

    /// Parses an API key of either form; one whose tag is not ours is none.
    pub fn parse(&self, text: &str) -> Option<ApiKey> {
        let mut parts = text.strip_prefix("tc_")?.split('_');
        let (version, agent, key, secret) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let (agent, key) = (AgentId::new(decode(agent)?.try_into().ok()?), KeyId::new(decode(key)?.try_into().ok()?));
        let secret = Zeroizing::new(decode(secret)?);
        let (secret, tag) = secret.split_first_chunk()?;
        let is_tagged = match version {
            UNTAGGED_VERSION if tag.is_empty() => false,
            TAGGED_VERSION if bool::from(self.tag(agent, key, secret).ct_eq(tag)) => true,
            _ => return None,
        };
        Some(ApiKey { agent, key, secret: Zeroizing::new(*secret), is_tagged })
    }

    fn tag(&self, agent: AgentId, key: KeyId, secret: &[u8; 32]) -> [u8; TAG] {
        self.tags.tag(&Zeroizing::new([agent.bytes().as_slice(), key.bytes(), secret].concat()))
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
    /// As it was issued before there were tags.
    const UNTAGGED: &str =
        "tc_1_aeaqcaibaeaqcaibaeaqcaibae_aqcaibaeaqcaibaeaqcaibaeaq_aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq";

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#)).unwrap()
    }

    fn parts(parsed: Option<ApiKey>) -> Option<(AgentId, KeyId, [u8; 32], bool)> {
        parsed.map(|ApiKey { agent, key, secret, is_tagged }| (agent, key, *secret, is_tagged))
    }

    #[test]
    fn the_formats_never_change() {
        let keys = ApiKeys::new(&fixed());
        insta::assert_snapshot!(keys.issue(AGENT, KEY, &[5; 32]), @"tc_2_aeaqcaibaeaqcaibaeaqcaibae_aqcaibaeaqcaibaeaqcaibaeaq_aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifauctwsn4paxbe2huezbyywg5j2t5o");
        insta::assert_snapshot!(data_encoding::HEXLOWER.encode(&keys.hash(&[5; 32])), @"5c94be1b954dcb433510f24ca181257e6c8f7d578edbfec5f3a130452227a6ea");
    }

    #[test]
    fn an_api_key_comes_apart_as_it_was_put_together() {
        let keys = ApiKeys::new(&fixed());
        let text = keys.issue(AGENT, KEY, &[5; 32]);
        assert_eq!(parts(keys.parse(&text)), Some((AGENT, KEY, [5; 32], true)));
        for broken in
            ["", "tc_", "tc_1_a_b_c", &text[1..], &format!("{text}_"), &text.replace("tc_2", "tc_1"), &text.to_uppercase()]
        {
            assert!(keys.parse(broken).is_none(), "{broken}");
        }
        assert_ne!(keys.hash(&[5; 32]), ApiKeys::new(&Secrets::generate()).hash(&[5; 32]));
    }

    #[test]
    fn a_key_from_before_there_were_tags_is_read_and_says_so() {
        let keys = ApiKeys::new(&fixed());
        assert_eq!(parts(keys.parse(UNTAGGED)), Some((AGENT, KEY, [5; 32], false)));
        assert!(keys.parse(&UNTAGGED.replace("tc_1", "tc_2")).is_none());
    }

    #[test]
    fn a_key_of_another_installation_is_none() {
        let text = ApiKeys::new(&Secrets::generate()).issue(AGENT, KEY, &[5; 32]);
        assert!(ApiKeys::new(&fixed()).parse(&text).is_none());
    }

    #[test]
    fn debug_output_tells_no_key() {
        assert_eq!(format!("{:?}", ApiKeys::new(&fixed())), "ApiKeys { .. }");
    }

    proptest! {
        #[test]
        fn no_changed_letter_goes_unnoticed(at in 5..136_usize, letter in "[a-z2-7_]") {
            let keys = ApiKeys::new(&fixed());
            let mut text = keys.issue(AGENT, KEY, &[5; 32]);
            prop_assume!(text[at..=at] != letter);
            text.replace_range(at..=at, &letter);
            prop_assert!(keys.parse(&text).is_none());
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,140}") {
            prop_assert!(ApiKeys::new(&fixed()).parse(&text).is_none());
        }
    }
}
