//! The version of a server, as its `--version` prints it.

use std::fmt;

/// A server's version; missing parts are 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
    /// The third number.
    pub patch: u32,
}

impl Version {
    pub(crate) const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }

    /// Parses the first version number in the output of `--version`, as `nats-server: v2.15.1` or `postgres (PostgreSQL)
    /// 18beta1`.
    pub(crate) fn parse(printed: &str) -> Option<Self> {
        let from = printed.find(|c: char| c.is_ascii_digit())?;
        let version = printed.get(from..)?.split(|c: char| c.is_whitespace()).next()?;
        let mut parts = version.split('.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).and_then(|end| part.get(..end)).unwrap_or(part);
            digits.parse().unwrap_or(0)
        });
        Some(Self::new(parts.next()?, parts.next().unwrap_or(0), parts.next().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { major, minor: 0, patch: 0 } => write!(f, "{major}"),
            Self { major, minor, patch: 0 } => write!(f, "{major}.{minor}"),
            Self { major, minor, patch } => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_servers_print() {
        let parse = |printed| Version::parse(printed);
        assert_eq!(parse("nats-server: v2.15.1"), Some(Version::new(2, 15, 1)));
        assert_eq!(parse("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some(Version::new(15, 14, 0)));
        assert_eq!(parse("postgres (PostgreSQL) 18beta1"), Some(Version::new(18, 0, 0)));
        assert_eq!(parse("no such thing"), None);
    }
}
