//! Data keys wrapped by a master key: the only form in which they leave the process.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::secrets::MasterId;
use crate::{Secrets, chance};

/// Says why a stored value is not a key that we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrappingError {
    /// It has another length, or a version that this program does not know.
    #[error("not a wrapped key of a known format")]
    Format,
    /// Its master key is not in the ring.
    #[error("wrapped by master key {0}, which the secrets do not hold")]
    UnknownMaster(MasterId),
    /// It was changed, or stands on another's subject.
    #[error("the wrapped key was altered or moved")]
    Altered,
}

/// `version u8 | master id u32, big-endian | nonce 24 | ciphertext 32 and tag 16`.
const VERSION: u8 = 1;
const MASTER_ID: usize = 4;
const NONCE: usize = 24;
const HEAD: usize = 1 + MASTER_ID + NONCE;

/// Wraps and unwraps with the ring of master keys.
pub(crate) struct Wrapping {
    secrets: Secrets,
}

impl Wrapping {
    pub(crate) fn new(secrets: Secrets) -> Self {
        Self { secrets }
    }

    /// Wraps `key` by the current master key, for `subject` alone.
    pub(crate) fn wrap(&self, subject: &str, key: &[u8; 32]) -> Vec<u8> {
        self.wrap_with(chance::bytes(), subject, key)
    }

    fn wrap_with(&self, nonce: [u8; NONCE], subject: &str, key: &[u8; 32]) -> Vec<u8> {
        let (id, master) = self.secrets.current_master();
        let ciphertext = XChaCha20Poly1305::new(master.into())
            .encrypt(&XNonce::from(nonce), Payload { msg: key, aad: &associated(subject, id) })
            .expect("32 bytes are shorter than the cipher's limit of 256 GiB");
        [&[VERSION], &id.0.to_be_bytes()[..], &nonce, &ciphertext].concat()
    }

    /// Unwraps what [`Self::wrap`] made for `subject`, by whichever master key it names.
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

    /// Tells whether the current master key wrapped it.
    pub(crate) fn is_current(&self, wrapped: &[u8]) -> Result<bool, WrappingError> {
        Ok(master_of(wrapped)? == self.secrets.current_master().0)
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

/// Everything but the last part has a fixed length: no two places give the same bytes.
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
    fn an_old_master_still_unwraps_and_is_told_from_the_current_one() {
        let mut secrets = fixed();
        let wrapped = Wrapping::new(secrets.clone()).wrap(SUBJECT, &[4; 32]);
        secrets.rotate_master();
        let wrapping = Wrapping::new(secrets.clone());
        assert_eq!(*wrapping.unwrap(SUBJECT, &wrapped).unwrap(), [4; 32]);
        assert_eq!(wrapping.is_current(&wrapped), Ok(false));
        assert_eq!(wrapping.is_current(&wrapping.wrap(SUBJECT, &[4; 32])), Ok(true));
        secrets.retire_masters();
        assert_eq!(Wrapping::new(secrets).unwrap(SUBJECT, &wrapped), Err(WrappingError::UnknownMaster(MasterId(7))));
    }
}
