//! Text sealed under the data key of its link or session: it cannot be opened once that key is destroyed.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use domain::link::TextSetting;
use domain::{Address, CommandId, Fingerprint, Sealed, Target};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::keys::secrets::context;
use crate::random;

/// Which text of its owner this is; bound to the ciphertext, so that no sealed text can replace another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// A text among a link's settings.
    Setting(TextSetting),
    /// The labels of a link's recipients.
    Recipients,
    /// The agent's closing message.
    Farewell,
    /// The name that a chatter chose.
    DisplayName,
    /// A message.
    Message,
    /// The id under which a chatter's client sent a message.
    ClientMessageId,
    /// A question with its fields.
    Form,
    /// The values of an answer.
    Values,
    /// The values that a person's silence means.
    IfSilent,
    /// Why an agent took a question back.
    Withdrawal,
    /// What is decided about.
    Decision,
    /// What goes with a decision's outcome.
    Outcome,
    /// The comment with a rating.
    Feedback,
    /// What a person reports to the operator.
    Report,
}

impl Field {
    /// Returns the name that is authenticated with the text: a storage format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Setting(text) => text.name(),
            Self::Recipients => "recipients",
            Self::Farewell => "farewell",
            Self::DisplayName => "display_name",
            Self::Message => "message",
            Self::ClientMessageId => "client_message_id",
            Self::Form => "form",
            Self::Values => "values",
            Self::IfSilent => "if_silent",
            Self::Withdrawal => "withdrawal",
            Self::Decision => "decision",
            Self::Outcome => "outcome",
            Self::Feedback => "feedback",
            Self::Report => "report",
        }
    }
}

/// Why a sealed text does not open although its owner's key exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is too short, or of a version that this program does not know.
    #[error("not a sealed text of a known format")]
    Format,
    /// It was sealed under another data key than its owner's.
    #[error("sealed under another data key")]
    OtherKey,
    /// It was changed, or is stored under another owner, field or index.
    #[error("the sealed text was altered or moved")]
    Altered,
}

/// `version u8 | data key id 8 | command id 16 | nonce 24 | ciphertext and tag`.
const VERSION: u8 = 1;
const KEY_ID: usize = 8;
const NONCE: usize = 24;
const HEAD: usize = 1 + KEY_ID + 16 + NONCE;

/// The key of one link or session; cheap to clone, zeroized with its last clone, never printed.
#[derive(Clone)]
pub struct DataKey {
    keys: Arc<DerivedKeys>,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct DerivedKeys {
    /// Public: names the key that sealed a text, and reveals nothing of it.
    id: [u8; KEY_ID],
    cipher: [u8; 32],
    fingerprint: [u8; 32],
}

impl DataKey {
    /// Takes the 32 random bytes of a data key.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let named = blake3::derive_key(context::DATA_KEY_ID, bytes);
        Self {
            keys: Arc::new(DerivedKeys {
                id: *named.first_chunk().expect("a derived key has 32 bytes"),
                cipher: blake3::derive_key(context::DATA_KEY_CIPHER, bytes),
                fingerprint: blake3::derive_key(context::DATA_KEY_FINGERPRINT, bytes),
            }),
        }
    }

    /// Draws a key that is stored nowhere: what it seals can be measured and never be opened.
    pub fn throwaway() -> Self {
        Self::new(&draw())
    }

    /// Tells whether both are the same key.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.keys.id == other.keys.id
    }

    /// Seals the text that is the `index`th of its field in the commit of `command` on `owner`.
    pub fn seal(&self, owner: &Address, command: CommandId, field: Field, index: u16, text: &str) -> Sealed {
        self.seal_with(random::bytes(), owner, command, field, index, text)
    }

    fn seal_with(&self, nonce: [u8; NONCE], owner: &Address, command: CommandId, field: Field, index: u16, text: &str) -> Sealed {
        let associated = self.associated(owner, command.bytes(), field, index);
        let ciphertext = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: text.as_bytes(), aad: &associated })
            .expect("a text in memory is shorter than the cipher's limit of 256 GiB");
        let mut bytes = Vec::with_capacity(HEAD + ciphertext.len());
        bytes.push(VERSION);
        bytes.extend_from_slice(&self.keys.id);
        bytes.extend_from_slice(command.bytes());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&ciphertext);
        Sealed {
            bytes: Bytes::from(bytes),
            characters: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            fingerprint: self.fingerprint(&[text.as_bytes()]),
        }
    }

    /// Hashes `parts` under this key (BLAKE3, each part with its length in front): equal parts, equal fingerprint, until the key
    /// is destroyed.
    pub fn fingerprint(&self, parts: &[&[u8]]) -> Fingerprint {
        let mut hasher = blake3::Hasher::new_keyed(&self.keys.fingerprint);
        for part in parts {
            hasher.update(&(part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let mut short = [0; 16];
        hasher.finalize_xof().fill(&mut short);
        Fingerprint::new(short)
    }

    /// Opens what [`Self::seal`] sealed for the same owner, field and index.
    pub(crate) fn open(&self, owner: &Address, field: Field, index: u16, sealed: &[u8]) -> Result<String, OpenError> {
        let (head, ciphertext) = sealed.split_first_chunk::<HEAD>().ok_or(OpenError::Format)?;
        let (&version, head) = head.split_first().expect("the head has 49 bytes");
        if version != VERSION {
            return Err(OpenError::Format);
        }
        let (id, head) = head.split_first_chunk::<KEY_ID>().expect("48 bytes are left");
        if *id != self.keys.id {
            return Err(OpenError::OtherKey);
        }
        let (command, nonce) = head.split_first_chunk::<16>().expect("40 bytes are left");
        let nonce = nonce.first_chunk::<NONCE>().expect("24 bytes are left");
        let associated = self.associated(owner, command, field, index);
        let text = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &associated })
            .map_err(|_| OpenError::Altered)?;
        String::from_utf8(text).map_err(|_| OpenError::Altered)
    }

    /// Everything but the last part has a fixed length: no two places give the same bytes.
    fn associated(&self, owner: &Address, command: &[u8; 16], field: Field, index: u16) -> Vec<u8> {
        let (kind, target) = match &owner.target {
            Target::Agent => (b'a', &[0; 16]),
            Target::Link(link) => (b'l', link.bytes()),
            Target::Session(session) => (b's', session.bytes()),
        };
        let index = index.to_be_bytes();
        let parts: [&[u8]; 8] =
            [&[VERSION], &self.keys.id, command, owner.agent.bytes(), &[kind], target, &index, field.name().as_bytes()];
        parts.concat()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.keys.cipher.into())
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataKey").finish_non_exhaustive()
    }
}

/// Draws a new data key's bytes.
pub(crate) fn draw() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(random::bytes())
}

#[cfg(test)]
mod tests {
    use domain::{AgentId, LinkId, SessionId};
    use proptest::prelude::*;

    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const OWNER: Address = Address::session(AGENT, SessionId::new([2; 16]));
    const COMMAND: CommandId = CommandId::new([3; 16]);

    fn key() -> DataKey {
        DataKey::new(&[4; 32])
    }

    #[test]
    fn the_format_never_changes() {
        let sealed = key().seal_with([5; 24], &OWNER, COMMAND, Field::Message, 0, "Grüezi");
        insta::assert_snapshot!(data_encoding::HEXLOWER.encode(&sealed.bytes), @"0135fc4ee318116020030303030303030303030303030303030505050505050505050505050505050505050505050505052278edc1b2bcfaa245b862d014ad78b5f53f6596d90416");
        insta::assert_snapshot!(sealed.fingerprint, @"fpr_vrcyswnwx4sszvrlm2ujsmfjfu");
        assert_eq!(sealed.characters, 6);
        assert_eq!(key().open(&OWNER, Field::Message, 0, &sealed.bytes).as_deref(), Ok("Grüezi"));
    }

    #[test]
    fn the_names_of_fields_never_change() {
        let settings = TextSetting::ALL.iter().copied().map(Field::Setting);
        let others = [
            Field::Farewell,
            Field::DisplayName,
            Field::Message,
            Field::ClientMessageId,
            Field::Form,
            Field::Values,
            Field::Feedback,
            Field::Report,
        ];
        let names = settings.chain(others).map(Field::name).collect::<Vec<_>>().join(" ");
        insta::assert_snapshot!(names, @"title purpose description welcome_message agent_name passcode farewell display_name message client_message_id form values feedback report");
    }

    #[test]
    fn a_text_opens_in_its_own_place_only() {
        let sealed = key().seal(&OWNER, COMMAND, Field::Message, 0, "yes").bytes;
        let same = [2; 16];
        let places = [
            (Address::session(AGENT, SessionId::new([9; 16])), Field::Message, 0),
            (Address::session(AgentId::new([9; 16]), SessionId::new(same)), Field::Message, 0),
            (Address::link(AGENT, LinkId::new(same)), Field::Message, 0),
            (OWNER, Field::Form, 0),
            (OWNER, Field::Message, 1),
        ];
        for (owner, field, index) in places {
            assert_eq!(key().open(&owner, field, index, &sealed), Err(OpenError::Altered));
        }
        assert_eq!(DataKey::new(&[9; 32]).open(&OWNER, Field::Message, 0, &sealed), Err(OpenError::OtherKey));
    }

    #[test]
    fn equal_words_have_equal_fingerprints_under_one_key_only() {
        let seal = |key: DataKey, text| key.seal(&OWNER, COMMAND, Field::Message, 0, text);
        let (first, again) = (seal(key(), "yes"), seal(key(), "yes"));
        assert_eq!(first.fingerprint, again.fingerprint);
        assert_ne!(first.bytes, again.bytes);
        assert_ne!(first.fingerprint, seal(key(), "no").fingerprint);
        assert_ne!(first.fingerprint, seal(DataKey::new(&[9; 32]), "yes").fingerprint);
        assert_ne!(key().fingerprint(&[b"ab", b"c"]), key().fingerprint(&[b"a", b"bc"]));
    }

    #[test]
    fn nothing_printed_tells_a_key() {
        assert_eq!(format!("{:?}", key()), "DataKey { .. }");
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text: String, index: u16) {
            let sealed = key().seal(&OWNER, COMMAND, Field::Values, index, &text);
            prop_assert_eq!(sealed.characters as usize, text.chars().count());
            prop_assert_eq!(key().open(&OWNER, Field::Values, index, &sealed.bytes), Ok(text));
        }

        #[test]
        fn every_byte_is_authenticated(text in ".{0,40}", at: prop::sample::Index, change in 1..=u8::MAX) {
            let mut bytes = key().seal(&OWNER, COMMAND, Field::Message, 0, &text).bytes.to_vec();
            bytes[at.index(text.len() + HEAD + 16)] ^= change;
            prop_assert!(key().open(&OWNER, Field::Message, 0, &bytes).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            prop_assert!(key().open(&OWNER, Field::Message, 0, &bytes).is_err());
        }
    }
}
