//! Writes and parses all subjects and stream names. None of them holds personal data.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use domain::{Address, AgentId, LinkId, SessionId, Target};

use crate::log::position::Shard;

/// The stream of the data keys.
pub(crate) const KEYS: &str = "KEYS";
/// All subjects of the data keys.
pub(crate) const ALL_KEYS: &str = "key.>";
/// The stream that maps hand-off codes to sessions.
pub(crate) const HANDOFFS: &str = "HANDOFFS";
/// All subjects of the hand-off codes.
pub(crate) const ALL_HANDOFFS: &str = "handoff.*";

/// The stream of the audit.
pub(crate) const AUDIT: &str = "AUDIT";
/// All subjects of the audit.
pub(crate) const ALL_AUDIT: &str = "audit.*";

/// The stream of the tasks that were cancelled.
pub(crate) const TASKS: &str = "TASKS";
/// All subjects of cancelled tasks.
pub(crate) const ALL_TASKS: &str = "task.*";

/// Names the stream of a shard.
pub(crate) fn stream(shard: Shard) -> String {
    format!("EVENTS-{shard}")
}

/// Spells the subject of an aggregate's commits.
pub(crate) fn event(shard: Shard, address: &Address) -> String {
    // The longest is a link's or session's: 6 + 5 + 1 + 30 + 9 + 30 letters.
    let mut subject = String::with_capacity(84);
    write!(subject, "event.{shard}.").expect("a string takes all");
    push_address(&mut subject, address);
    subject
}

/// Spells the filter of all commits of a shard.
pub(crate) fn events_of_shard(shard: Shard) -> String {
    format!("event.{shard}.>")
}

/// Spells the filter of all commits of an agent, its links and its sessions.
pub(crate) fn events_of_agent(shard: Shard, agent: AgentId) -> String {
    format!("event.{shard}.{agent}.>")
}

/// Spells the subject of a shard's pruning records; no agent's id reads like it.
pub(crate) fn pruning(shard: Shard) -> String {
    format!("event.{shard}.pruning")
}

/// Spells the subject of an owner's data key.
pub(crate) fn key(owner: &Address) -> String {
    let mut subject = String::with_capacity(84);
    subject.push_str("key.");
    push_address(&mut subject, owner);
    subject
}

/// Spells the subject of a hand-off code from its first half, the locator.
pub(crate) fn handoff(locator: &str) -> String {
    format!("handoff.{locator}")
}

/// Spells the subject of a kind of audit entries.
pub(crate) fn audit(kind: &str) -> String {
    format!("audit.{kind}")
}

/// Spells the subject of a task's record from the number that tells it from every other.
pub(crate) fn task(number: &[u8; 16]) -> String {
    format!("task.{}", HEXLOWER.encode(number))
}

/// Spells the subject of an aggregate's ephemeral signals: typing, presence.
pub(crate) fn ephemeral(shard: Shard, address: &Address) -> String {
    let mut subject = String::with_capacity(84);
    write!(subject, "ephemeral.{shard}.").expect("a string takes all");
    push_address(&mut subject, address);
    subject
}

/// Spells the filter of all ephemeral signals of a shard.
pub(crate) fn ephemerals_of_shard(shard: Shard) -> String {
    format!("ephemeral.{shard}.>")
}

/// Reads the subject of a commit.
pub(crate) fn parse_event(subject: &str) -> Option<(Shard, Address)> {
    parse_sharded("event.", subject)
}

/// Reads the subject of an ephemeral signal.
pub(crate) fn parse_ephemeral(subject: &str) -> Option<(Shard, Address)> {
    parse_sharded("ephemeral.", subject)
}

/// Reads the subject of a data key.
pub(crate) fn parse_key(subject: &str) -> Option<Address> {
    parse_address(subject.strip_prefix("key.")?)
}

fn push_address(subject: &mut String, address: &Address) {
    match address.target {
        Target::Agent => write!(subject, "{}.agent", address.agent),
        Target::Link(link) => write!(subject, "{}.link.{link}", address.agent),
        Target::Session(session) => write!(subject, "{}.session.{session}", address.agent),
    }
    .expect("a string takes all");
}

fn parse_sharded(prefix: &str, subject: &str) -> Option<(Shard, Address)> {
    let (shard, rest) = subject.strip_prefix(prefix)?.split_once('.')?;
    Some((Shard(shard.parse().ok()?), parse_address(rest)?))
}

fn parse_address(text: &str) -> Option<Address> {
    let mut tokens = text.split('.');
    let agent = AgentId::parse(tokens.next()?).ok()?;
    let target = match (tokens.next()?, tokens.next(), tokens.next()) {
        ("agent", None, None) => Target::Agent,
        ("link", Some(link), None) => Target::Link(LinkId::parse(link).ok()?),
        ("session", Some(session), None) => Target::Session(SessionId::parse(session).ok()?),
        _ => return None,
    };
    Some(Address { agent, target })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);

    fn addresses() -> [Address; 3] {
        [Address::agent(AGENT), Address::link(AGENT, LinkId::new([2; 16])), Address::session(AGENT, SessionId::new([3; 16]))]
    }

    #[test]
    fn a_subject_reads_back_as_it_was_spelled() {
        for address in addresses() {
            assert_eq!(parse_event(&event(Shard(3), &address)), Some((Shard(3), address)));
            assert_eq!(parse_ephemeral(&ephemeral(Shard(3), &address)), Some((Shard(3), address)));
            assert_eq!(key(&address).strip_prefix("key.").and_then(parse_address), Some(address));
        }
    }

    #[test]
    fn a_subject_never_changes() {
        let [agent, link, session] = addresses().map(|address| event(Shard(0), &address));
        assert_eq!(agent, "event.0.agt_aeaqcaibaeaqcaibaeaqcaibae.agent");
        assert_eq!(link, "event.0.agt_aeaqcaibaeaqcaibaeaqcaibae.link.lnk_aibaeaqcaibaeaqcaibaeaqcai");
        assert_eq!(session, "event.0.agt_aeaqcaibaeaqcaibaeaqcaibae.session.ses_ambqgaydambqgaydambqgaydam");
    }

    #[test]
    fn other_subjects_are_not_read() {
        for subject in [
            "",
            "event",
            "event.0",
            "event.x.agt_aeaqcaibaeaqcaibaeaqcaibae.agent",
            "event.0.agt_aeaqcaibaeaqcaibaeaqcaibae.agent.more",
        ] {
            assert_eq!(parse_event(subject), None);
        }
    }
}
