//! Heads of the log that others keep: signed, so that whoever has one can show that the log said something else.

use std::collections::BTreeMap;

use domain::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;

use crate::keys::signing::{Document, SignatureError, Signer};
use crate::log::position::{Epoch, Hash, Shard};
use crate::log::shard_head::ShardHead;
use crate::{clock, rfc3339};

/// The documents' `type`.
const HEAD: &str = "head";

/// The head of a shard at a time, signed.
#[derive(Debug, Clone, PartialEq)]
pub struct SignedHead {
    /// The head.
    pub head: ShardHead,
    /// When it was signed.
    pub at: Timestamp,
    document: Document,
}

/// Why a line is no signed head of this installation's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignedHeadError {
    /// It is not JSON.
    #[error("it is not a JSON object")]
    Json,
    /// A member is missing, or is not of its form.
    #[error("its {0} is missing or cannot be read")]
    Member(&'static str),
    /// It is not signed by this installation.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl SignedHead {
    /// Signs a head, as of now.
    pub fn new(signer: &Signer, head: ShardHead) -> Self {
        let at = clock::now();
        let members = [
            ("type", Value::from(HEAD)),
            ("at", rfc3339::write(at).into()),
            ("shard", head.shard.0.into()),
            ("epoch", head.epoch.to_string().into()),
            ("sequence", head.sequence.into()),
            ("running_hash", head.running.to_string().into()),
            ("leaf", head.leaf.to_string().into()),
        ];
        let document = members.map(|(name, value)| (name.to_owned(), value)).into();
        Self { head, at, document: signer.sign(document) }
    }

    /// Reads a line and verifies its signature; none where it is a document of another type.
    pub fn parse(signer: &Signer, line: &str) -> Result<Option<Self>, SignedHeadError> {
        let Some(read) = Self::read(line)? else { return Ok(None) };
        signer.verify(&read.document)?;
        Ok(Some(read))
    }

    /// Reads a line as it stands, without a look at its signature; none where it is a document of another type.
    pub fn read(line: &str) -> Result<Option<Self>, SignedHeadError> {
        let document: Document = serde_json::from_str(line).map_err(|_| SignedHeadError::Json)?;
        let text = |name| document.get(name).and_then(Value::as_str).ok_or(SignedHeadError::Member(name));
        if text("type")? != HEAD {
            return Ok(None);
        }
        let hash = |name| Hash::parse(text(name)?).ok_or(SignedHeadError::Member(name));
        let number = |name| document.get(name).and_then(Value::as_u64).ok_or(SignedHeadError::Member(name));
        let head = ShardHead {
            shard: Shard(u16::try_from(number("shard")?).map_err(|_| SignedHeadError::Member("shard"))?),
            epoch: Epoch::parse(text("epoch")?).ok_or(SignedHeadError::Member("epoch"))?,
            sequence: number("sequence")?,
            running: hash("running_hash")?,
            leaf: hash("leaf")?,
        };
        let at = rfc3339::read(text("at")?).ok_or(SignedHeadError::Member("at"))?;
        Ok(Some(Self { head, at, document }))
    }

    /// Returns the document, of which a line holds the JSON.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Writes the line, without its end.
    pub fn line(&self) -> String {
        serde_json::to_string(&self.document).expect("texts and numbers are JSON")
    }

    /// Returns when it was signed, as it is written.
    pub fn signed_at(&self) -> &str {
        self.document.get("at").and_then(Value::as_str).unwrap_or_default()
    }
}

/// What a process knows of the signed heads: the newest of each shard, and where the log contradicts them.
#[derive(Debug, Default)]
pub struct Heads {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    newest: BTreeMap<Shard, SignedHead>,
    contradicted: BTreeMap<Shard, String>,
    failure: Option<String>,
}

impl Heads {
    /// Notes the newest signed head of a shard, which the log continues.
    pub fn note(&self, head: SignedHead) {
        let mut known = self.known.lock();
        known.contradicted.remove(&head.head.shard);
        known.newest.insert(head.head.shard, head);
    }

    /// Notes that the log does not continue the newest signed head of a shard; tells whether that is new.
    pub fn note_contradiction(&self, shard: Shard, why: &str) -> bool {
        let before = self.known.lock().contradicted.insert(shard, why.to_owned());
        before.is_none_or(|before| before != why)
    }

    /// Notes why heads cannot be signed, or that they can.
    pub fn note_failure(&self, why: Option<String>) {
        self.known.lock().failure = why;
    }

    /// Returns why heads cannot be signed.
    pub fn failure(&self) -> Option<String> {
        self.known.lock().failure.clone()
    }

    /// Returns the newest signed heads, in the shards' order.
    pub fn newest(&self) -> Vec<SignedHead> {
        self.known.lock().newest.values().cloned().collect()
    }

    /// Returns what is wrong with each shard that contradicts its signed head.
    pub fn contradictions(&self) -> Vec<String> {
        self.known.lock().contradicted.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::secrets::Secrets;

    fn signed(signer: &Signer) -> SignedHead {
        let (epoch, running, leaf) = (Epoch([1; 16]), Hash([2; 32]), Hash([3; 32]));
        SignedHead::new(signer, ShardHead { shard: Shard(3), epoch, sequence: 7, running, leaf })
    }

    #[test]
    fn a_line_reads_back() {
        let signer = Signer::new(&Secrets::generate());
        let head = signed(&signer);
        assert_eq!(SignedHead::parse(&signer, &head.line()), Ok(Some(head)));
    }

    #[test]
    fn what_was_changed_or_signed_elsewhere_is_refused() {
        let signer = Signer::new(&Secrets::generate());
        let line = signed(&signer).line();
        let changed = line.replace("\"sequence\":7", "\"sequence\":6");
        assert_eq!(SignedHead::parse(&signer, &changed), Err(SignatureError::Wrong.into()));
        let other = signed(&Signer::new(&Secrets::generate())).line();
        assert!(matches!(SignedHead::parse(&signer, &other), Err(SignedHeadError::Signature(SignatureError::OtherKey { .. }))));
        assert_eq!(SignedHead::parse(&signer, "{}"), Err(SignedHeadError::Member("type")));
        assert_eq!(SignedHead::parse(&signer, "nonsense"), Err(SignedHeadError::Json));
        assert_eq!(SignedHead::parse(&signer, r#"{"type":"restore"}"#), Ok(None));
    }
}
