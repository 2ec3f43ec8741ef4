//! Signs documents that others keep: whoever has the public key can verify them without this installation.
//!
//! A document is a flat JSON object of texts and whole numbers with a `type`, so that none passes for one of another kind. What is signed
//! is its form of RFC 8785 without `signature`: keys in order, no spaces.

use std::collections::BTreeMap;
use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde_json::{Value, json};

use crate::keys::secrets::{Secrets, context};

/// The members that signing adds.
const KID: &str = "kid";
const SIGNATURE: &str = "signature";
/// Bytes of a public key's hash in its name.
const KID_BYTES: usize = 12;

/// A document: its members by name, so that they are always in the order of RFC 8785.
pub type Document = BTreeMap<String, Value>;

/// Why a document is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It has no signature.
    #[error("it is not signed")]
    Missing,
    /// Another installation's key signed it, or none.
    #[error("it is signed with key {kid}, which is not this installation's {own}")]
    OtherKey {
        /// The key that it names.
        kid: String,
        /// Our own.
        own: String,
    },
    /// The document is not what was signed.
    #[error("its signature does not fit: it was changed after it was signed")]
    Wrong,
}

/// The key that signs an installation's documents (Ed25519, RFC 8032), derived from its root secret.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    kid: String,
}

impl Signer {
    /// Derives the key.
    pub fn new(secrets: &Secrets) -> Self {
        let key = SigningKey::from_bytes(&secrets.derive(context::SIGNING));
        let kid = kid(&key.verifying_key());
        Self { key, kid }
    }

    /// Returns the name of the public key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the public keys, by which everybody can verify (RFC 7517, RFC 8037).
    pub fn public_keys(&self) -> Value {
        let x = BASE64URL_NOPAD.encode(self.key.verifying_key().as_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x}]})
    }

    /// Adds `kid` and `signature` to a document.
    #[must_use]
    pub fn sign(&self, mut document: Document) -> Document {
        document.insert(KID.to_owned(), Value::from(self.kid.as_str()));
        document.remove(SIGNATURE);
        let signature = self.key.sign(&signed_bytes(&document));
        document.insert(SIGNATURE.to_owned(), Value::from(BASE64URL_NOPAD.encode(&signature.to_bytes())));
        document
    }

    /// Verifies that this installation signed a document, and that it is unchanged.
    pub fn verify(&self, document: &Document) -> Result<(), SignatureError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).ok_or(SignatureError::Missing);
        let (kid, signature) = (text(KID)?, text(SIGNATURE)?);
        if kid != self.kid {
            return Err(SignatureError::OtherKey { kid: kid.chars().take(40).collect(), own: self.kid.clone() });
        }
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| SignatureError::Wrong)?;
        let signature = Signature::from_slice(&signature).map_err(|_| SignatureError::Wrong)?;
        self.key.verifying_key().verify_strict(&signed_bytes(document), &signature).map_err(|_| SignatureError::Wrong)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Names a public key by its hash.
fn kid(key: &VerifyingKey) -> String {
    let hash = blake3::hash(key.as_bytes());
    BASE64URL_NOPAD.encode(hash.as_bytes().split_at(KID_BYTES).0)
}

/// Writes what is signed of a document.
fn signed_bytes(document: &Document) -> Vec<u8> {
    let signed: BTreeMap<&String, &Value> = document.iter().filter(|(name, _)| *name != SIGNATURE).collect();
    serde_json::to_vec(&signed).expect("texts and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixed() -> Signer {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        let text = format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#);
        Signer::new(&Secrets::parse(&text).unwrap())
    }

    fn document() -> Document {
        [("type", json!("head")), ("sequence", json!(7))].map(|(name, value)| (name.to_owned(), value)).into()
    }

    #[test]
    fn a_signed_document_never_changes() {
        let signed = serde_json::to_string(&fixed().sign(document())).unwrap();
        assert_eq!(
            signed,
            r#"{"kid":"FaDoNCu12tUBFG4h","sequence":7,"signature":"fMB15gYKgkTSZGjw2qjHPBqnVphUhyBVGhNQZefAj-dIk6gWekGtyXK3YiZ-EJfdmmsDUcQ47GBQMD0-PSDfAA","type":"head"}"#
        );
    }

    #[test]
    fn any_change_is_found() {
        let signer = fixed();
        let paper = signer.sign(document());
        assert_eq!(signer.verify(&paper), Ok(()));
        for (name, value) in [("sequence", json!(8)), ("type", json!("receipt")), ("more", json!(""))] {
            let mut changed = paper.clone();
            changed.insert(name.to_owned(), value);
            assert_eq!(signer.verify(&changed), Err(SignatureError::Wrong), "{name}");
        }
        assert_eq!(signer.verify(&document()), Err(SignatureError::Missing));
        let other = Signer::new(&Secrets::generate());
        assert!(matches!(signer.verify(&other.sign(document())), Err(SignatureError::OtherKey { .. })));
    }

    #[test]
    fn another_hand_verifies_by_the_public_key_alone() {
        let signer = fixed();
        let paper = signer.sign(document());
        let keys = signer.public_keys();
        let x = BASE64URL_NOPAD.decode(keys["keys"][0]["x"].as_str().unwrap().as_bytes()).unwrap();
        let key = VerifyingKey::from_bytes(&x.try_into().unwrap()).unwrap();
        let signature = BASE64URL_NOPAD.decode(paper["signature"].as_str().unwrap().as_bytes()).unwrap();
        let bytes = format!(r#"{{"kid":"{}","sequence":7,"type":"head"}}"#, signer.kid());
        assert!(key.verify_strict(bytes.as_bytes(), &Signature::from_slice(&signature).unwrap()).is_ok());
    }
}
