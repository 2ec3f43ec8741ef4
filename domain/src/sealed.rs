//! Sealed text, which no rule can read.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Fingerprint;

/// A text sealed under a data key before any decision sees it.
///
/// Its length is known, so that rules can limit it; its fingerprint is keyed from the same data key, so that a repeat can be told
/// from another text, and reveals nothing once the key is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The ciphertext, with everything that opening needs but the key.
    pub bytes: Bytes,
    /// The length of the text in characters (Unicode scalar values).
    pub characters: u32,
    /// Equal for equal texts under one data key.
    pub fingerprint: Fingerprint,
}

impl Sealed {
    /// Returns what stands in the place of a text that is gone.
    pub fn blank() -> Self {
        Self { bytes: Bytes::new(), characters: 0, fingerprint: Fingerprint::new([0; 16]) }
    }
}

/// A hash of a text behind a salt that is sealed: without the salt it tells nothing of the text, not even whether it is the same as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Bytes", try_from = "Bytes")]
pub struct SaltedHash(pub [u8; 32]);

/// The error for bytes that are no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 32 bytes")]
pub struct HashLength;

impl From<SaltedHash> for Bytes {
    fn from(hash: SaltedHash) -> Self {
        Self::copy_from_slice(&hash.0)
    }
}

impl TryFrom<Bytes> for SaltedHash {
    type Error = HashLength;

    fn try_from(bytes: Bytes) -> Result<Self, HashLength> {
        bytes.as_ref().try_into().map(Self).map_err(|_| HashLength)
    }
}
