//! The names of resources.

use std::fmt;

use domain::{LinkId, SessionId};
use rmcp::model::Resource;

use super::{JSON, MARKDOWN};

/// What a URI names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// `tempchat://links/{link_id}`
    Link(LinkId),
    /// `tempchat://sessions/{session_id}/transcript`
    Transcript(SessionId),
}

impl Address {
    /// Reads a URI; none where it is none of ours.
    pub(crate) fn parse(uri: &str) -> Option<Self> {
        let path = uri.strip_prefix("tempchat://")?;
        match path.split_once('/')? {
            ("links", id) => LinkId::parse(id).ok().map(Self::Link),
            ("sessions", rest) => SessionId::parse(rest.strip_suffix("/transcript")?).ok().map(Self::Transcript),
            _ => None,
        }
    }

    /// Describes it as far as its name tells.
    pub(super) fn resource(self) -> Resource {
        match self {
            Self::Link(link) => Resource::new(self.to_string(), link.to_string()).with_mime_type(JSON),
            Self::Transcript(session) => Resource::new(self.to_string(), session.to_string()).with_mime_type(MARKDOWN),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(link) => write!(f, "tempchat://links/{link}"),
            Self::Transcript(session) => write!(f, "tempchat://sessions/{session}/transcript"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for address in [Address::Link(LinkId::new([1; 16])), Address::Transcript(SessionId::new([2; 16]))] {
            assert_eq!(Address::parse(&address.to_string()), Some(address));
        }
    }

    #[test]
    fn nothing_else_is_an_address() {
        let link = LinkId::new([1; 16]);
        let session = SessionId::new([2; 16]);
        for uri in [
            String::new(),
            "test://nonexistent".to_owned(),
            "tempchat://links/".to_owned(),
            format!("tempchat://links/{link}/"),
            format!("tempchat://links/{session}"),
            format!("tempchat://sessions/{session}"),
            format!("tempchat://sessions/{link}/transcript"),
            format!("https://links/{link}"),
        ] {
            assert_eq!(Address::parse(&uri), None, "{uri}");
        }
    }
}
