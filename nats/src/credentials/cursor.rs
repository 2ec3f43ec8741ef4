//! Cursors: sealed positions for clients. A cursor names a position, reveals nothing and grants nothing.
//!
//! AES-SIV (RFC 5297) without a nonce: equal positions give equal cursors, so that an event's cursor is the same everywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aes_siv::KeyInit;
use aes_siv::siv::Aes128Siv;
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use crate::keys::secrets::{Secrets, context};
use crate::log::position::{Epoch, Position, Shard};

/// Why a text names no position in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// This installation did not make it.
    #[error("not a cursor")]
    Malformed,
    /// It belongs to an earlier log: its reader has to start from the beginning.
    #[error("the cursor belongs to another log")]
    OtherEpoch,
}

/// `version u8 | shard u16 | sequence u64 | index u16 | the first 4 bytes of the epoch`, numbers big-endian.
const VERSION: u8 = 1;
const PLAIN: usize = 17;
const TAG: usize = 16;
/// No pad and no spare bits: 33 bytes are 44 letters.
const LETTERS: usize = 44;

/// Seals and opens cursors; cheap to clone.
#[derive(Clone)]
pub struct Cursors {
    inner: Arc<Inner>,
}

struct Inner {
    key: Zeroizing<[u8; 32]>,
    epochs: BTreeMap<Shard, Epoch>,
}

impl Cursors {
    /// Takes the epochs of all shards: a cursor with another epoch belongs to another log.
    pub fn new(secrets: &Secrets, epochs: impl IntoIterator<Item = (Shard, Epoch)>) -> Self {
        let inner = Inner { key: secrets.derive(context::CURSOR), epochs: epochs.into_iter().collect() };
        Self { inner: Arc::new(inner) }
    }

    /// Seals a position of this log.
    pub fn seal(&self, position: Position) -> String {
        let epoch = self.short_epoch(position.shard).unwrap_or_default();
        let parts: [&[u8]; 5] = [
            &[VERSION],
            &position.shard.0.to_be_bytes(),
            &position.sequence.to_be_bytes(),
            &position.index.to_be_bytes(),
            &epoch,
        ];
        let sealed = self.cipher().encrypt(NO_HEADERS, &parts.concat()).expect("17 bytes can be sealed");
        BASE64URL_NOPAD.encode(&sealed)
    }

    /// Opens what [`Self::seal`] made; the reader checks whether the log reaches that position.
    pub fn open(&self, text: &str) -> Result<Position, CursorError> {
        let mut bytes = [0; PLAIN + TAG];
        if text.len() != LETTERS || BASE64URL_NOPAD.decode_mut(text.as_bytes(), &mut bytes) != Ok(bytes.len()) {
            return Err(CursorError::Malformed);
        }
        let plain = self.cipher().decrypt(NO_HEADERS, &bytes).map_err(|_| CursorError::Malformed)?;
        let &[VERSION, a, b, ref rest @ ..] = plain.as_slice() else { return Err(CursorError::Malformed) };
        let (sequence, rest) = rest.split_first_chunk::<8>().ok_or(CursorError::Malformed)?;
        let (index, epoch) = rest.split_first_chunk::<2>().ok_or(CursorError::Malformed)?;
        let shard = Shard(u16::from_be_bytes([a, b]));
        match self.short_epoch(shard) {
            Some(known) if known == epoch => {
                Ok(Position { shard, sequence: u64::from_be_bytes(*sequence), index: u16::from_be_bytes(*index) })
            }
            Some(_) | None => Err(CursorError::OtherEpoch),
        }
    }

    fn short_epoch(&self, shard: Shard) -> Option<[u8; 4]> {
        let Epoch([a, b, c, d, ..]) = *self.inner.epochs.get(&shard)?;
        Some([a, b, c, d])
    }

    fn cipher(&self) -> Aes128Siv {
        Aes128Siv::new((&*self.inner.key).into())
    }
}

const NO_HEADERS: [&[u8]; 0] = [];

impl fmt::Debug for Cursors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursors").field("epochs", &self.inner.epochs).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cursors(secrets: &Secrets, epoch: u8) -> Cursors {
        Cursors::new(secrets, (0..4).map(|n| (Shard(n), Epoch([epoch; 16]))))
    }

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#)).unwrap()
    }

    const POSITION: Position = Position { shard: Shard(2), sequence: 70_000, index: 1 };

    #[test]
    fn the_format_never_changes() {
        insta::assert_snapshot!(cursors(&fixed(), 9).seal(POSITION), @"QVnxtY4ccshbFMQcor0j4OKuLxgjAVG10nD9YQEuewFX");
    }

    #[test]
    fn a_cursor_of_another_log_asks_for_a_new_beginning() {
        let cursor = cursors(&fixed(), 9).seal(POSITION);
        assert_eq!(cursors(&fixed(), 8).open(&cursor), Err(CursorError::OtherEpoch));
        let fewer = Cursors::new(&fixed(), [(Shard(0), Epoch([9; 16]))]);
        assert_eq!(fewer.open(&cursor), Err(CursorError::OtherEpoch));
    }

    #[test]
    fn a_cursor_made_elsewhere_is_none() {
        let cursor = cursors(&Secrets::generate(), 9).seal(POSITION);
        assert_eq!(cursors(&fixed(), 9).open(&cursor), Err(CursorError::Malformed));
        for text in ["", "70000", &cursor[1..], &format!("{cursor}A"), &"é".repeat(22)] {
            assert_eq!(cursors(&fixed(), 9).open(text), Err(CursorError::Malformed));
        }
    }

    proptest! {
        #[test]
        fn a_position_comes_back_and_always_looks_the_same(shard in 0_u16..4, sequence: u64, index: u16) {
            let position = Position { shard: Shard(shard), sequence, index };
            let cursor = cursors(&fixed(), 9).seal(position);
            prop_assert_eq!(cursor.len(), LETTERS);
            prop_assert_eq!(cursors(&fixed(), 9).open(&cursor), Ok(position));
            prop_assert_eq!(cursors(&fixed(), 9).seal(position), cursor);
        }

        #[test]
        fn no_changed_letter_goes_unnoticed(at in 0..LETTERS, letter in "[A-Za-z0-9_-]") {
            let mut cursor = cursors(&fixed(), 9).seal(POSITION);
            prop_assume!(cursor[at..=at] != letter);
            cursor.replace_range(at..=at, &letter);
            prop_assert_eq!(cursors(&fixed(), 9).open(&cursor), Err(CursorError::Malformed));
        }
    }
}
