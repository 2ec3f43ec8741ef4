//! Identifiers: 16 random or derived bytes, written as a prefix and lower-case base32.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The error for a text that is not an identifier of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix} followed by 26 lower-case letters and digits")]
pub struct IdError {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The prefix of every identifier of this kind.
            pub const PREFIX: &'static str = $prefix;

            /// Takes the 16 bytes as they are, random or derived.
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the 16 bytes.
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Parses the text form; only the canonical spelling is accepted.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let error = IdError { prefix: $prefix };
                let body = text.strip_prefix($prefix).ok_or_else(|| error.clone())?;
                if body.len() != 26 || body.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    return Err(error);
                }
                let bytes = BASE32_NOPAD.decode(body.to_ascii_uppercase().as_bytes()).map_err(|_| error.clone())?;
                Ok(Self(bytes.try_into().map_err(|_| error)?))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut body = [0_u8; 26];
                BASE32_NOPAD.encode_mut(&self.0, &mut body);
                body.make_ascii_lowercase();
                f.write_str($prefix)?;
                f.write_str(std::str::from_utf8(&body).expect("base32 is ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_bytes(&self.0) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Body;

                impl Visitor<'_> for Body {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!("16 bytes, or text that begins with ", $prefix))
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        $name::parse(text).map_err(E::custom)
                    }

                    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<$name, E> {
                        Ok($name(bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?))
                    }
                }

                if deserializer.is_human_readable() { deserializer.deserialize_str(Body) } else { deserializer.deserialize_bytes(Body) }
            }
        }
    };
}

id!(/** An AI agent: the tenant. */ AgentId, "agt_");
id!(/** One of an agent's API keys. */ KeyId, "key_");
id!(/** A temporary chat link. */ LinkId, "lnk_");
id!(/** One person's chat. */ SessionId, "ses_");
id!(/** A question that an agent asked in a session. */ QuestionId, "qst_");
id!(/** What is signed of a decision's outcome; a decision has one. */ ReceiptId, "rcp_");
id!(/** A browser that a session is open in, derived from its secret client id. */ DeviceId, "dev_");
id!(/** A code that lets another device into a session, as a keyed hash. */ HandoffId, "hnd_");
id!(/** One attempt to change something; the same attempt repeated carries the same id. */ CommandId, "cmd_");
id!(/** What a command asked for, as a keyed hash: tells a repeat from another use of the same id. */ Fingerprint, "fpr_");

impl From<QuestionId> for ReceiptId {
    fn from(decision: QuestionId) -> Self {
        Self(decision.0)
    }
}

impl From<ReceiptId> for QuestionId {
    fn from(receipt: ReceiptId) -> Self {
        Self(receipt.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = LinkId::new([7; 16]);
        assert_eq!(LinkId::parse(&id.to_string()), Ok(id));
        assert!(id.to_string().starts_with("lnk_"));
        assert_eq!(id.to_string().len(), 30);
    }

    #[test]
    fn another_kind_another_case_and_other_bits_are_refused() {
        let id = LinkId::new([7; 16]).to_string();
        assert!(SessionId::parse(&id).is_err());
        assert!(LinkId::parse(&id.to_uppercase()).is_err());
        // The last of 26 letters holds two unused bits: only one spelling is canonical.
        assert!(LinkId::parse(&format!("{}z", &id[..29])).is_err());
        assert!(LinkId::parse("lnk_").is_err());
    }

    #[test]
    fn ids_are_bytes_in_the_log_and_text_in_json() {
        let id = AgentId::new([1; 16]);
        assert_eq!(rmp_serde::to_vec_named(&id).unwrap().len(), 18);
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        assert_eq!(serde_json::from_str::<AgentId>(&format!("\"{id}\"")).unwrap(), id);
    }
}
