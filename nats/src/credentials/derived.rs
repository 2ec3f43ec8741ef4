//! Ids derived from a client's input under secret keys: a repeated request names the same thing, and ids cannot be guessed.

use std::fmt;

use domain::{Address, AgentId, CommandId, DeviceId, HandoffId, KeyId, LinkId, SessionId, Target};
use zeroize::Zeroizing;

use crate::credentials::handoffs::HandoffCode;
use crate::keys::secrets::{Secrets, context};

/// Derives ids; the client's input itself is not stored.
#[derive(Clone)]
pub struct Derived {
    links: Zeroizing<[u8; 32]>,
    sessions: Zeroizing<[u8; 32]>,
    commands: Zeroizing<[u8; 32]>,
    subjects: Zeroizing<[u8; 32]>,
    devices: Zeroizing<[u8; 32]>,
    handoffs: Zeroizing<[u8; 32]>,
}

impl Derived {
    /// Derives the keys of all kinds of ids.
    pub fn new(secrets: &Secrets) -> Self {
        Self {
            links: secrets.derive(context::LINK_ID),
            sessions: secrets.derive(context::SESSION_ID),
            commands: secrets.derive(context::COMMAND_ID),
            subjects: secrets.derive(context::SUBJECT_KEY_ID),
            devices: secrets.derive(context::DEVICE_ID),
            handoffs: secrets.derive(context::HANDOFF_CODE),
        }
    }

    /// Returns the link that an agent's idempotency key names.
    pub fn link(&self, agent: AgentId, idempotency_key: &str) -> LinkId {
        LinkId::new(hash(&self.links, &[agent.bytes(), idempotency_key.as_bytes()]))
    }

    /// Returns a client's session on a link; `ordinal` counts the sessions it had there before.
    pub fn session(&self, link: LinkId, client_id: &str, ordinal: u32) -> SessionId {
        SessionId::new(hash(&self.sessions, &[link.bytes(), client_id.as_bytes(), &ordinal.to_be_bytes()]))
    }

    /// Returns the key id of an authorization server's subject that acts for an agent.
    pub fn key_of_subject(&self, agent: AgentId, issuer: &str, subject: &str) -> KeyId {
        KeyId::new(hash(&self.subjects, &[agent.bytes(), issuer.as_bytes(), subject.as_bytes()]))
    }

    /// Returns a client's device id in a session; it differs from session to session.
    pub fn device(&self, session: SessionId, client_id: &str) -> DeviceId {
        DeviceId::new(hash(&self.devices, &[session.bytes(), client_id.as_bytes()]))
    }

    /// Returns the id under which a session records a hand-off code.
    pub fn handoff(&self, session: SessionId, code: &HandoffCode) -> HandoffId {
        HandoffId::new(hash(&self.handoffs, &[session.bytes(), code.as_str().as_bytes()]))
    }

    /// Returns the id of the command to `owner` that a client's own id, or another fixed text, names.
    pub fn command(&self, owner: &Address, text: &str) -> CommandId {
        let target: (&[u8], &[u8]) = match &owner.target {
            Target::Agent => (b"agent", &[]),
            Target::Link(link) => (b"link", link.bytes()),
            Target::Session(session) => (b"session", session.bytes()),
        };
        CommandId::new(hash(&self.commands, &[owner.agent.bytes(), target.0, target.1, text.as_bytes()]))
    }
}

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derived").finish_non_exhaustive()
    }
}

/// Keyed BLAKE3, cut to 16 bytes; each part has its length in front, in 8 bytes.
fn hash(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
    }
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const LINK: LinkId = LinkId::new([2; 16]);

    fn fixed() -> Derived {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        let text = format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#);
        Derived::new(&Secrets::parse(&text).unwrap())
    }

    #[test]
    fn derived_ids_never_change() {
        insta::assert_snapshot!(fixed().link(AGENT, "monday"), @"lnk_w3cqb4lhxyservrxfbcxts36ve");
        insta::assert_snapshot!(fixed().session(LINK, "9f0c", 1), @"ses_qttlevc6xbzyig2zawmwtczeby");
        insta::assert_snapshot!(fixed().command(&Address::link(AGENT, LINK), "open"), @"cmd_3yb3vk5aczhdotlppb4yxatetm");
    }

    #[test]
    fn every_part_of_the_input_matters() {
        let ids = fixed();
        let session = ids.session(LINK, "client", 0);
        assert_ne!(session, ids.session(LINK, "client", 1));
        assert_ne!(session, ids.session(LINK, "other", 0));
        assert_ne!(session, ids.session(LinkId::new([3; 16]), "client", 0));
        assert_ne!(ids.link(AGENT, "key"), ids.link(AgentId::new([2; 16]), "key"));
        // The same 16 bytes may name an agent, a link and a session.
        let same = [1; 16];
        let commands = [
            ids.command(&Address::agent(AGENT), "text"),
            ids.command(&Address::link(AGENT, LinkId::new(same)), "text"),
            ids.command(&Address::session(AGENT, SessionId::new(same)), "text"),
            ids.command(&Address::session(AGENT, SessionId::new(same)), "texts"),
        ];
        for (at, one) in commands.iter().enumerate() {
            assert!(commands[at + 1..].iter().all(|other| other != one));
        }
        assert_ne!(ids.link(AGENT, "key"), Derived::new(&Secrets::generate()).link(AGENT, "key"));
    }
}
