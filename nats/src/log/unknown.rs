//! Commits that a newer program wrote, described by their headers, for readers that may skip what they do not know.

use domain::{Address, agent, link, session};
use serde::de::value::Error as NoValue;
use serde::de::{Error as _, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};

use crate::log::commit::{Commit, Kind, event_types};
use crate::log::position::{Hash, Shard};
use crate::log::record::Raw;
use crate::log::subjects;

/// A commit that this program cannot read because a newer one wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The aggregate.
    pub address: Address,
    /// The stream.
    pub shard: Shard,
    /// The sequence in the stream.
    pub sequence: u64,
    /// The shard's running hash up to and with this commit; zeros where it was not read by a proving feed.
    pub running: Hash,
    /// The wire names of its events, separated by commas, from its header.
    pub types: String,
}

impl Raw {
    /// Describes this message if it is a whole commit with an event that this program does not know.
    pub(crate) fn unknown(&self) -> Option<Unknown> {
        let (shard, address) = subjects::parse_event(&self.subject)?;
        let types = event_types(self.headers.as_ref()?)?;
        // A corrupt envelope is an error, not a newer program's commit.
        let whole = Commit::<IgnoredAny>::decode(self.headers.as_ref(), &self.payload).is_ok();
        (whole && names_unknown(address.target.into(), types)).then(|| Unknown {
            address,
            shard,
            sequence: self.sequence,
            running: Hash::default(),
            types: types.to_owned(),
        })
    }
}

/// Tells whether any of `types` is a name that this program cannot read.
fn names_unknown(kind: Kind, types: &str) -> bool {
    let known = match kind {
        Kind::Agent => variants::<agent::Event>(),
        Kind::Link => variants::<link::Event>(),
        Kind::Session => variants::<session::Event>(),
    };
    types.split(',').any(|name| !known.contains(&name))
}

/// Returns the wire names of an enum's variants: its `Deserialize` passes them to the deserializer.
fn variants<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    struct Names<'n>(&'n mut &'static [&'static str]);

    impl<'de> Deserializer<'de> for Names<'_> {
        type Error = NoValue;

        fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, NoValue> {
            Err(NoValue::custom("only names are asked for"))
        }

        fn deserialize_enum<V: Visitor<'de>>(
            self,
            _name: &'static str,
            variants: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, NoValue> {
            *self.0 = variants;
            self.deserialize_any(visitor)
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
            tuple tuple_struct map struct identifier ignored_any
        }
    }

    let mut names: &'static [&'static str] = &[];
    let read = T::deserialize(Names(&mut names));
    debug_assert!(read.is_err(), "the deserializer holds no value");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_version_is_unknown() {
        assert!(!names_unknown(Kind::Link, "link.opened,link.paused"));
        assert!(names_unknown(Kind::Link, "link.opened,link.opened.2"));
        assert!(names_unknown(Kind::Session, "link.opened"));
    }
}
