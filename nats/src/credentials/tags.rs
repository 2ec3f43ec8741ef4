//! Keyed tags: a text that this installation did not make is refused after one hash, without asking any store.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keys::secrets::Secrets;

/// The length of a tag in bytes: a made-up text passes with a probability of 1 to 2^128.
pub(super) const TAG: usize = 16;

/// The longest text that is decoded, in bytes.
const LONGEST: usize = 128;

/// Appends and checks the keyed tags of one purpose.
#[derive(Clone)]
pub(super) struct Tags {
    key: Zeroizing<[u8; 32]>,
}

impl Tags {
    pub(super) fn new(secrets: &Secrets, context: &'static str) -> Self {
        Self { key: secrets.derive(context) }
    }

    /// Writes a body with its tag. All bodies of one purpose have one layout, so the parts need no separators.
    pub(super) fn issue(&self, parts: &[&[u8]]) -> String {
        let mut bytes = parts.concat();
        bytes.extend_from_slice(&self.tag(&bytes));
        encode(&bytes)
    }

    /// Returns the body of a text that [`Self::issue`] made, and of no other.
    pub(super) fn check(&self, text: &str) -> Option<Vec<u8>> {
        let mut bytes = decode(text)?;
        let (body, tag) = bytes.split_last_chunk::<TAG>()?;
        let genuine = bool::from(self.tag(body).ct_eq(tag));
        bytes.truncate(bytes.len() - TAG);
        genuine.then_some(bytes)
    }

    /// Computes the tag of a body.
    pub(super) fn tag(&self, body: &[u8]) -> [u8; TAG] {
        let mut tag = [0; TAG];
        blake3::Hasher::new_keyed(&self.key).update(body).finalize_xof().fill(&mut tag);
        tag
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tags").finish_non_exhaustive()
    }
}

/// Writes base32 in lower case, without padding.
pub(super) fn encode(bytes: &[u8]) -> String {
    let mut text = BASE32_NOPAD.encode(bytes);
    text.make_ascii_lowercase();
    text
}

/// Reads what [`encode`] wrote: one spelling only.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let upper = Zeroizing::new(text.to_ascii_uppercase());
    BASE32_NOPAD.decode(upper.as_bytes()).ok()
}
