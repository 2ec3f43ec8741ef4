//! How a setting that cannot be used is told: by its name, with its value, where that came from, and what would do.

use std::fmt;
use std::path::PathBuf;

use figment::error::Kind;

/// How near a name must be to be what was meant, of 1.
const NEAR: f64 = 0.6;
/// Characters of a value that are shown.
const SHOWN: usize = 100;

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Flag(String),
    Environment(String),
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "{name}"),
            Self::Environment(name) => write!(f, "{name} in the environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Default => write!(f, "the default"),
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) setting: String,
    /// As it is shown, where it may be.
    pub(super) value: Option<String>,
    pub(super) origin: Origin,
    pub(super) what: What,
}

/// What is wrong with it.
#[derive(Debug)]
pub(super) enum What {
    /// There is none of this name; those that there are.
    Unknown(&'static [&'static str]),
    /// Its value cannot be; what would do.
    Impossible(String),
}

impl Fault {
    /// Takes what the reader of settings says.
    pub(super) fn what(kind: Kind) -> What {
        match kind {
            Kind::UnknownField(_, known) => What::Unknown(known),
            Kind::UnknownVariant(_, known) => What::Impossible(format!("it must be {}", known.join(" or "))),
            Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
                What::Impossible(format!("it must be {}", in_words(&expected)))
            }
            other => What::Impossible(other.to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting, value, origin, what } = self;
        let value = value.as_deref().map_or_else(|| "(not shown)".to_owned(), cut);
        match what {
            What::Unknown(known) => {
                write!(f, "there is no setting `{setting}`, which has the value {value} by {origin}")?;
                match nearest(setting, known) {
                    Some(meant) => write!(f, "; did you mean `{meant}`?"),
                    None => write!(f, "; remove it, or see the README's table of settings"),
                }
            }
            What::Impossible(wanted) => write!(f, "`{setting}` cannot be {value}, as {origin} says: {wanted}"),
        }
    }
}

fn cut(value: &str) -> String {
    if value.chars().count() <= SHOWN { value.to_owned() } else { value.chars().take(SHOWN).chain(['…']).collect() }
}

/// Finds the setting that was meant; of names in a table only the last part counts.
fn nearest(setting: &str, known: &'static [&'static str]) -> Option<String> {
    let (table, name) = setting.rsplit_once('.').map_or((None, setting), |(table, name)| (Some(table), name));
    let nearness = |known: &str| strsim::normalized_damerau_levenshtein(&name.to_lowercase().replace('-', "_"), known);
    let nearest = known.iter().max_by(|one, other| nearness(one).total_cmp(&nearness(other)))?;
    (nearness(nearest) >= NEAR).then(|| table.map_or_else(|| (*nearest).to_owned(), |table| format!("{table}.{nearest}")))
}

/// Says a type as operators would.
fn in_words(expected: &str) -> String {
    let most = match expected {
        "u8" => u64::from(u8::MAX),
        "u16" => u64::from(u16::MAX),
        "u32" | "a nonzero u32" => u64::from(u32::MAX),
        "u64" | "usize" => u64::MAX,
        _ => return expected.to_owned(),
    };
    format!("a whole number from {} to {most}", u8::from(expected.contains("nonzero")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_meant_is_named() {
        let known: &[&str] = &["shards", "shard_size", "listen"];
        assert_eq!(nearest("shard-sise", known).as_deref(), Some("shard_size"));
        assert_eq!(nearest("limits.shard", known).as_deref(), Some("limits.shards"));
        assert_eq!(nearest("passwords", known), None);
    }
}
