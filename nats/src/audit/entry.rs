//! What an entry says: codes, ids and counts; no text, no name, no address.

use data_encoding::HEXLOWER;
use domain::{AgentId, KeyId, LinkId, SessionId, Timestamp};
use serde::Serialize;

use crate::rfc3339;

/// What an entry is about; each kind is a subject of its own, so that a flood of one displaces nothing of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditKind {
    /// Something was refused for security.
    Refused,
    /// A person of the operator's read words, or let them be sent somewhere.
    Looked,
}

impl AuditKind {
    /// Returns its name, the last part of its subject.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Looked => "looked",
        }
    }
}

/// A refusal for security, as it is noted: equal ones are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AuditedRefusal {
    /// The problem's code.
    pub code: &'static str,
    /// The route, the tool or the command.
    pub door: String,
    /// The agent, where it is known and no mere claim.
    pub agent: Option<AgentId>,
    /// The key, where it is known.
    pub key: Option<KeyId>,
    /// The link, where it is known.
    pub link: Option<LinkId>,
    /// The session whose credential was shown, where one was.
    pub session: Option<SessionId>,
}

/// An entry of the audit.
#[derive(Debug, Clone, Serialize)]
pub struct AuditEntry {
    /// What it is about.
    pub kind: AuditKind,
    /// The problem's code, or what was done.
    pub code: &'static str,
    /// The route, the tool or the command.
    pub door: String,
    /// `operator`, where a person of the operator's did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<&'static str>,
    /// The agent.
    #[serde(rename = "agent_id", skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    /// The key.
    #[serde(rename = "key_id", skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The link.
    #[serde(rename = "link_id", skip_serializing_if = "Option::is_none")]
    pub link: Option<LinkId>,
    /// The session.
    #[serde(rename = "session_id", skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The network, as a keyed hash of a day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) network: Option<String>,
    /// How often it happened since `at`.
    pub(crate) count: u64,
}

impl AuditEntry {
    /// Says that a person of the operator's did something with words.
    pub fn looked(code: &'static str, door: &str, agent: Option<AgentId>, link: Option<LinkId>) -> Self {
        Self {
            kind: AuditKind::Looked,
            code,
            door: door.to_owned(),
            who: Some("operator"),
            agent,
            key: None,
            link,
            session: None,
            network: None,
            count: 1,
        }
    }

    pub(crate) fn refused(refused: &AuditedRefusal, network: Option<[u8; 8]>, count: u64) -> Self {
        let AuditedRefusal { code, door, agent, key, link, session } = refused.clone();
        let network = network.map(|network| HEXLOWER.encode(&network));
        Self { kind: AuditKind::Refused, code, door, who: None, agent, key, link, session, network, count }
    }

    /// Writes it as it is stored.
    pub(crate) fn json(&self, at: Timestamp) -> Vec<u8> {
        #[derive(Serialize)]
        struct Stored<'a> {
            at: String,
            #[serde(flatten)]
            entry: &'a AuditEntry,
        }
        serde_json::to_vec(&Stored { at: rfc3339::write(at), entry: self }).expect("an entry is plain JSON")
    }
}
