//! Data keys wrapped by a master key: the only form in which they leave the process.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::keys::secrets::{MasterId, Secrets};
use crate::random;

/// Why a stored value cannot be unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrappingError {
    /// It has another length, or a version that this program does not know.
    #[error("not a wrapped key of a known format")]
    Format,
    /// Its master key is not in the ring.
    #[error("wrapped by master key {0}, which the secrets do not hold")]
    UnknownMaster(MasterId),
    /// It was changed, or is stored on another subject.
    #[error("the wrapped key was altered or moved")]
    Altered,
}

/// `version u8 | master id u32, big-endian | nonce 24 | ciphertext 32 and tag 16`.
const VERSION: u8 = 1;
const MASTER_ID: usize = 4;
const NONCE: usize = 24;
const HEAD: usize = 1 + MASTER_ID + NONCE;

/// Wraps with the current master key; unwraps with any that the secrets hold.
pub(crate) struct Wrapping {
    secrets: Secrets,
}

impl Wrapping {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { secrets }
    }

    /// Wraps `key` by the current master key, for `subject` alone.
    pub(crate) fn wrap(&self, subject: &str, key: &[u8; 32]) -> Vec<u8> {
        self.wrap_with(random::bytes(), subject, key)
    }

    fn wrap_with(&self, nonce: [u8; NONCE], subject: &str, key: &[u8; 32]) -> Vec<u8> {
        let (id, master) = self.secrets.current_master();
        let ciphertext = XChaCha20Poly1305::new(master.into())
            .encrypt(&XNonce::from(nonce), Payload { msg: key, aad: &associated(subject, id) })
            .expect("32 bytes are shorter than the cipher's limit of 256 GiB");
        [&[VERSION], &id.0.to_be_bytes()[..], &nonce, &ciphertext].concat()
    }

    /// Unwraps what [`Self::wrap`] made for `subject`, by the master key that it names.
    pub(crate) fn unwrap(&self, subject: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, WrappingError> {
        let id = master_of(wrapped)?;
        let (head, ciphertext) = wrapped.split_first_chunk::<HEAD>().ok_or(WrappingError::Format)?;
        let nonce = head.last_chunk::<NONCE>().expect("the head ends with the nonce");
        let master = self.secrets.master(id).ok_or(WrappingError::UnknownMaster(id))?;
        let opened = XChaCha20Poly1305::new(master.into())
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &associated(subject, id) })
            .map(Zeroizing::new)
            .map_err(|_| WrappingError::Altered)?;
        let key: &[u8; 32] = opened.as_slice().try_into().map_err(|_| WrappingError::Format)?;
        Ok(Zeroizing::new(*key))
    }
}

fn master_of(wrapped: &[u8]) -> Result<MasterId, WrappingError> {
    match wrapped.split_first() {
        Some((&VERSION, rest)) => {
            rest.first_chunk::<MASTER_ID>().map(|id| MasterId(u32::from_be_bytes(*id))).ok_or(WrappingError::Format)
        }
        Some(_) | None => Err(WrappingError::Format),
    }
}

/// All parts but the last have a fixed length, so different inputs give different bytes.
fn associated(subject: &str, id: MasterId) -> Vec<u8> {
    [&[VERSION], &id.0.to_be_bytes()[..], subject.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: &str = "key.agt_aeaqcaibaeaqcaibaeaqcaibae.session.ses_ambqgaydambqgaydambqgaydam";

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"7":"{master}"}},"current":7}}"#)).unwrap()
    }

    #[test]
    fn the_format_never_changes() {
        let wrapping = Wrapping::new(fixed());
        let wrapped = wrapping.wrap_with([3; 24], SUBJECT, &[4; 32]);
        insta::assert_snapshot!(data_encoding::HEXLOWER.encode(&wrapped), @"0100000007030303030303030303030303030303030303030303030303590d255b39573e83843783ca308b7cfd9d75d7368a8af4164aada4076ddc20503feb91317fd8be02e617c8e1b86ea9a5");
        assert_eq!(*wrapping.unwrap(SUBJECT, &wrapped).unwrap(), [4; 32]);
    }

    #[test]
    fn a_key_unwraps_only_on_its_own_subject_and_unchanged() {
        let wrapping = Wrapping::new(fixed());
        let wrapped = wrapping.wrap(SUBJECT, &[4; 32]);
        assert_eq!(wrapping.unwrap("key.other", &wrapped), Err(WrappingError::Altered));
        for at in 0..wrapped.len() {
            let mut changed = wrapped.clone();
            changed[at] ^= 1;
            assert!(wrapping.unwrap(SUBJECT, &changed).is_err(), "byte {at} is not authenticated");
        }
        for length in 0..wrapped.len() {
            assert!(wrapping.unwrap(SUBJECT, &wrapped[..length]).is_err());
        }
    }

    #[test]
    fn a_key_unwraps_by_any_master_that_the_secrets_hold_and_no_other() {
        let wrapped = Wrapping::new(fixed()).wrap(SUBJECT, &[4; 32]);
        let (root, old, new) = ("01".repeat(32), "02".repeat(32), "03".repeat(32));
        let secrets = |masters: &str| {
            Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{{masters}}},"current":8}}"#)).unwrap()
        };
        let both = Wrapping::new(secrets(&format!(r#""7":"{old}","8":"{new}""#)));
        assert_eq!(*both.unwrap(SUBJECT, &wrapped).unwrap(), [4; 32]);
        assert_eq!(*both.unwrap(SUBJECT, &both.wrap(SUBJECT, &[5; 32])).unwrap(), [5; 32]);
        let newest = Wrapping::new(secrets(&format!(r#""8":"{new}""#)));
        assert_eq!(newest.unwrap(SUBJECT, &wrapped), Err(WrappingError::UnknownMaster(MasterId(7))));
    }
}
