//! The installation's secrets: the root from which the key of every purpose is derived, and the master keys that wrap data keys.
//!
//! They are stored in one file beside the data, never in the log, and are backed up apart from it.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::HEXLOWER;
use serde::de::{self, Deserializer};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::random;

/// The purposes that keys are derived for. No two share a key; the texts are a storage format.
pub mod context {
    /// The tag of link tokens.
    pub const LINK_TOKEN: &str = "tempchat 2026 link token";
    /// The tag of session cookies.
    pub const SESSION_COOKIE: &str = "tempchat 2026 session cookie";
    /// The tag of session bearer tokens.
    pub const SESSION_BEARER: &str = "tempchat 2026 session bearer token";
    /// The hash under which an API key's secret is recorded.
    pub const API_KEY: &str = "tempchat 2026 api key hash";
    /// The tag of API keys.
    pub const API_KEY_TAG: &str = "tempchat 2026 api key tag";
    /// The cipher of cursors.
    pub const CURSOR: &str = "tempchat 2026 cursor";
    /// The tag that binds an agent's cursor to the scope it was given for.
    pub const MCP_CURSOR: &str = "tempchat 2026 mcp cursor scope";
    /// The cipher of tasks' names.
    pub const TASK_NAME: &str = "tempchat 2026 task name";
    /// Key ids derived from (agent, issuer, subject).
    pub const SUBJECT_KEY_ID: &str = "tempchat 2026 subject key id";
    /// Link ids derived from (agent, idempotency key).
    pub const LINK_ID: &str = "tempchat 2026 link id";
    /// Session ids derived from (link, client id, ordinal).
    pub const SESSION_ID: &str = "tempchat 2026 session id";
    /// Device ids derived from (session, client id).
    pub const DEVICE_ID: &str = "tempchat 2026 device id";
    /// The hash under which a hand-off code is recorded.
    pub const HANDOFF_CODE: &str = "tempchat 2026 handoff code hash";
    /// Command ids derived from (aggregate, text given by a client).
    pub const COMMAND_ID: &str = "tempchat 2026 command id";
    /// The secrets that sign webhooks, derived from (agent or link, rotation).
    pub const WEBHOOK: &str = "tempchat 2026 webhook signing secret";
    /// The signatures of challenges to prove work.
    pub const PROOF: &str = "tempchat 2026 proof of work";
    /// The tag of pruning records.
    pub const PRUNING: &str = "tempchat 2026 pruning record";
    /// The key that signs documents for others: heads of the log.
    pub const SIGNING: &str = "tempchat 2026 document signing key";
    /// The hash under which the audit names a network for a day.
    pub const AUDIT_NETWORK: &str = "tempchat 2026 audit network";
    /// The public id of a data key, derived from the data key itself.
    pub(crate) const DATA_KEY_ID: &str = "tempchat 2026 data key id";
    /// The cipher key of sealed texts, derived from the data key.
    pub(crate) const DATA_KEY_CIPHER: &str = "tempchat 2026 data key cipher";
    /// The key of fingerprints, derived from the data key.
    pub(crate) const DATA_KEY_FINGERPRINT: &str = "tempchat 2026 data key fingerprint";
}

/// Why a text is not a secrets file; the text is never quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// It is not the JSON that `to_text` writes.
    #[error("the secrets file cannot be read: line {line}, column {column}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A newer program wrote it.
    #[error("the secrets file has version {0}; this program knows version {VERSION}")]
    Version(u8),
    /// The master key that is in use is not in the file.
    #[error("the secrets file names master key {0} as current but does not hold it")]
    NoCurrent(MasterId),
}

/// The number of a master key; a wrapped data key names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MasterId(pub u32);

impl fmt::Display for MasterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const VERSION: u8 = 1;

/// The root secret and the ring of master keys; zeroized when dropped, never printed.
#[derive(Clone)]
pub struct Secrets {
    root: Key,
    masters: BTreeMap<MasterId, Key>,
    current: MasterId,
}

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Key([u8; 32]);

#[derive(Serialize, Deserialize)]
struct File {
    version: u8,
    root: Key,
    masters: BTreeMap<MasterId, Key>,
    current: MasterId,
}

impl Secrets {
    /// Generates new secrets, with one master key.
    pub fn generate() -> Self {
        let current = MasterId(1);
        Self { root: Key(random::bytes()), masters: BTreeMap::from([(current, Key(random::bytes()))]), current }
    }

    /// Reads what [`Self::to_text`] wrote.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let File { version, root, masters, current } =
            serde_json::from_str(text).map_err(|error| SecretsError::Syntax { line: error.line(), column: error.column() })?;
        if version != VERSION {
            return Err(SecretsError::Version(version));
        }
        if !masters.contains_key(&current) {
            return Err(SecretsError::NoCurrent(current));
        }
        Ok(Self { root, masters, current })
    }

    /// Writes the text of the secrets file, which only its owner may read (mode 0600).
    pub fn to_text(&self) -> Zeroizing<String> {
        let file = File { version: VERSION, root: self.root.clone(), masters: self.masters.clone(), current: self.current };
        let mut text = Zeroizing::new(serde_json::to_string_pretty(&file).expect("keys and numbers are JSON"));
        text.push('\n');
        text
    }

    /// Derives the key of one purpose from the root; `context` is one of [`context`]'s.
    pub fn derive(&self, context: &'static str) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(blake3::derive_key(context, &self.root.0))
    }

    /// Returns the master key that wraps, and its number.
    pub(crate) fn current_master(&self) -> (MasterId, &[u8; 32]) {
        let key = self.master(self.current).expect("the current master key is in the ring");
        (self.current, key)
    }

    /// Finds a master key by its number.
    pub(crate) fn master(&self, id: MasterId) -> Option<&[u8; 32]> {
        self.masters.get(&id).map(|key| &key.0)
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("masters", &self.masters.len()).field("current", &self.current).finish_non_exhaustive()
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(HEXLOWER.encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let mut key = Self([0; 32]);
        match HEXLOWER.decode_len(text.len()) {
            Ok(32) => HEXLOWER.decode_mut(text.as_bytes(), &mut key.0).map_err(|_| de::Error::custom("not hexadecimal"))?,
            Ok(_) | Err(_) => return Err(de::Error::custom("a key has 64 hexadecimal digits")),
        };
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_reads_back_as_it_was_written() {
        let mut secrets = Secrets::generate();
        secrets.masters.insert(MasterId(2), Key(random::bytes()));
        let read = Secrets::parse(&secrets.to_text()).unwrap();
        assert_eq!(read.to_text(), secrets.to_text());
        assert_eq!(read.derive(context::CURSOR), secrets.derive(context::CURSOR));
        assert_eq!(read.current_master(), secrets.current_master());
    }

    #[test]
    fn a_file_that_lacks_its_current_master_or_is_newer_is_refused() {
        let text = Secrets::generate().to_text();
        assert_eq!(
            Secrets::parse(&text.replace("\"current\": 1", "\"current\": 2")).unwrap_err(),
            SecretsError::NoCurrent(MasterId(2))
        );
        assert_eq!(Secrets::parse(&text.replace("\"version\": 1", "\"version\": 2")).unwrap_err(), SecretsError::Version(2));
        assert!(matches!(Secrets::parse("{}").unwrap_err(), SecretsError::Syntax { .. }));
    }

    #[test]
    fn nothing_printed_tells_a_secret() {
        let secrets = Secrets::generate();
        let printed = format!("{secrets:?}");
        assert_eq!(printed, "Secrets { masters: 1, current: MasterId(1), .. }");
        let broken = secrets.to_text().replace("\"root\": \"", "\"root\": \"x");
        let root = HEXLOWER.encode(&secrets.root.0);
        assert!(!format!("{:?}", Secrets::parse(&broken).unwrap_err()).contains(&root[1..]));
    }

    #[test]
    fn every_purpose_and_every_installation_has_keys_of_its_own() {
        let (one, other) = (Secrets::generate(), Secrets::generate());
        assert_ne!(one.derive(context::SESSION_COOKIE), one.derive(context::SESSION_BEARER));
        assert_ne!(one.derive(context::CURSOR), other.derive(context::CURSOR));
    }
}
