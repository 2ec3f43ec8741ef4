//! Names of tasks: a wait, sealed as the name by which its result is asked for. So nothing has to remember that somebody waits, and
//! every gateway can answer.
//!
//! AES-SIV (RFC 5297) without a nonce, as cursors: a name reveals nothing, cannot be made up, and holds a random number, so that no two
//! tasks have one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aes_siv::KeyInit;
use aes_siv::siv::Aes128Siv;
use data_encoding::BASE64URL_NOPAD;
use domain::{Address, AgentId, KeyId, LinkId, QuestionId, SessionId, Target, Timestamp};
use zeroize::Zeroizing;

use crate::keys::secrets::{Secrets, context};
use crate::log::position::{Epoch, EventId, Position, Shard};
use crate::random;

/// What every name begins with.
const PREFIX: &str = "tsk_";
const VERSION: u8 = 1;
/// `version u8 | kind u8 | flags u8 | limit u16 | agent 16 | key 16 | target 16 | shard u16 | sequence u64 | index u16 | epoch 4 |
/// created i64 | deadline i64 | expires i64 | number 16`, numbers big-endian; then, where something was sent, `event 16 | question 16`.
const PLAIN: usize = 109;
const SENT: usize = 32;
const TAG: usize = 16;
const NO_HEADERS: [&[u8]; 0] = [];

/// Bits of the flags.
const NAMED_LINK: u8 = 1;
const NAMED_SESSION: u8 = 2;
const HAS_SENT: u8 = 4;
const HAS_ASKED: u8 = 8;
const WAS_REPLAYED: u8 = 16;

/// A wait as its name holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskName {
    /// What is waited for: all of an agent's, one link's, or one session's.
    pub scope: Address,
    /// The key that waits; what it does itself ends no wait of its own.
    pub key: KeyId,
    /// From where on.
    pub after: Position,
    /// How many events at most.
    pub limit: u16,
    /// Whether the call named a link.
    pub named_link: bool,
    /// Whether the call named a session.
    pub named_session: bool,
    /// When it began.
    pub created_at: Timestamp,
    /// When the wait is over, if nothing has come.
    pub deadline: Timestamp,
    /// From when on nobody is told of it any more.
    pub expires_at: Timestamp,
    /// What the call said before it waited.
    pub sent: Option<TaskSent>,
    /// What tells it from every other.
    pub number: [u8; 16],
}

/// What a call said before it waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskSent {
    /// The message or question.
    pub event: EventId,
    /// The question, where one was asked.
    pub question: Option<QuestionId>,
    /// Whether it had been said before.
    pub replayed: bool,
}

impl TaskName {
    /// Draws the number of a new task.
    pub fn draw() -> [u8; 16] {
        random::bytes()
    }
}

/// Seals and opens the names of tasks; cheap to clone.
#[derive(Clone)]
pub struct TaskNames {
    inner: Arc<Inner>,
}

struct Inner {
    key: Zeroizing<[u8; 32]>,
    epochs: BTreeMap<Shard, Epoch>,
}

impl TaskNames {
    /// Takes the epochs of all shards: a task of another log is none.
    pub fn new(secrets: &Secrets, epochs: impl IntoIterator<Item = (Shard, Epoch)>) -> Self {
        let inner = Inner { key: secrets.derive(context::TASK_NAME), epochs: epochs.into_iter().collect() };
        Self { inner: Arc::new(inner) }
    }

    /// Seals a wait.
    pub fn seal(&self, name: &TaskName) -> String {
        let (kind, target) = match name.scope.target {
            Target::Agent => (0, [0; 16]),
            Target::Link(link) => (1, *link.bytes()),
            Target::Session(session) => (2, *session.bytes()),
        };
        let asked = name.sent.and_then(|sent| sent.question);
        let flags = [
            (name.named_link, NAMED_LINK),
            (name.named_session, NAMED_SESSION),
            (name.sent.is_some(), HAS_SENT),
            (asked.is_some(), HAS_ASKED),
            (name.sent.is_some_and(|sent| sent.replayed), WAS_REPLAYED),
        ];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |all, (_, bit)| all | bit);
        let mut plain = Vec::with_capacity(PLAIN + SENT);
        plain.extend([VERSION, kind, flags]);
        plain.extend(name.limit.to_be_bytes());
        plain.extend(name.scope.agent.bytes());
        plain.extend(name.key.bytes());
        plain.extend(target);
        plain.extend(name.after.shard.0.to_be_bytes());
        plain.extend(name.after.sequence.to_be_bytes());
        plain.extend(name.after.index.to_be_bytes());
        plain.extend(self.short_epoch(name.after.shard).unwrap_or_default());
        for moment in [name.created_at, name.deadline, name.expires_at] {
            plain.extend(moment.0.to_be_bytes());
        }
        plain.extend(name.number);
        if let Some(sent) = name.sent {
            plain.extend(sent.event.bytes());
            plain.extend(asked.map_or([0; 16], |question| *question.bytes()));
        }
        let sealed = self.cipher().encrypt(NO_HEADERS, &plain).expect("some hundred bytes can be sealed");
        format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&sealed))
    }

    /// Opens what [`Self::seal`] made for this log; none of anything else.
    pub fn open(&self, text: &str) -> Option<TaskName> {
        let sealed = text.strip_prefix(PREFIX)?;
        let lengths = [PLAIN, PLAIN + SENT].map(|plain| BASE64URL_NOPAD.encode_len(plain + TAG));
        let bytes = lengths.contains(&sealed.len()).then(|| BASE64URL_NOPAD.decode(sealed.as_bytes()).ok())??;
        let plain = self.cipher().decrypt(NO_HEADERS, &bytes).ok()?;
        let mut rest = Rest(&plain);
        let [version, kind, flags] = rest.take()?;
        let limit = u16::from_be_bytes(rest.take()?);
        let (agent, key, target) = (AgentId::new(rest.take()?), KeyId::new(rest.take()?), rest.take()?);
        let shard = Shard(u16::from_be_bytes(rest.take()?));
        let sequence = u64::from_be_bytes(rest.take()?);
        let index = u16::from_be_bytes(rest.take()?);
        let epoch: [u8; 4] = rest.take()?;
        let moments: [Timestamp; 3] = [rest.moment()?, rest.moment()?, rest.moment()?];
        let number = rest.take()?;
        let sent = if flags & HAS_SENT == 0 {
            None
        } else {
            let (event, question) = (EventId::from_bytes(rest.take()?), QuestionId::new(rest.take()?));
            let question = (flags & HAS_ASKED != 0).then_some(question);
            Some(TaskSent { event, question, replayed: flags & WAS_REPLAYED != 0 })
        };
        let scope = match kind {
            0 => Address::agent(agent),
            1 => Address::link(agent, LinkId::new(target)),
            2 => Address::session(agent, SessionId::new(target)),
            _ => return None,
        };
        let is_of_this_log = self.short_epoch(shard) == Some(epoch);
        let [created_at, deadline, expires_at] = moments;
        (version == VERSION && rest.0.is_empty() && is_of_this_log).then_some(TaskName {
            scope,
            key,
            after: Position { shard, sequence, index },
            limit,
            named_link: flags & NAMED_LINK != 0,
            named_session: flags & NAMED_SESSION != 0,
            created_at,
            deadline,
            expires_at,
            sent,
            number,
        })
    }

    fn short_epoch(&self, shard: Shard) -> Option<[u8; 4]> {
        let Epoch([a, b, c, d, ..]) = *self.inner.epochs.get(&shard)?;
        Some([a, b, c, d])
    }

    fn cipher(&self) -> Aes128Siv {
        Aes128Siv::new((&*self.inner.key).into())
    }
}

impl fmt::Debug for TaskNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskNames").field("epochs", &self.inner.epochs).finish_non_exhaustive()
    }
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn moment(&mut self) -> Option<Timestamp> {
        Some(Timestamp(i64::from_be_bytes(self.take()?)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(secrets: &Secrets, epoch: u8) -> TaskNames {
        TaskNames::new(secrets, (0..4).map(|n| (Shard(n), Epoch([epoch; 16]))))
    }

    fn fixed() -> Secrets {
        let (root, master) = ("01".repeat(32), "02".repeat(32));
        Secrets::parse(&format!(r#"{{"version":1,"root":"{root}","masters":{{"1":"{master}"}},"current":1}}"#)).unwrap()
    }

    fn name() -> TaskName {
        TaskName {
            scope: Address::link(AgentId::new([1; 16]), LinkId::new([2; 16])),
            key: KeyId::new([3; 16]),
            after: Position { shard: Shard(2), sequence: 70_000, index: u16::MAX },
            limit: 20,
            named_link: true,
            named_session: false,
            created_at: Timestamp(1_000),
            deadline: Timestamp(2_000),
            expires_at: Timestamp(3_000),
            sent: None,
            number: [4; 16],
        }
    }

    fn sent(question: Option<QuestionId>) -> TaskSent {
        TaskSent { event: EventId::from_bytes([5; 16]), question, replayed: question.is_none() }
    }

    #[test]
    fn the_format_never_changes() {
        insta::assert_snapshot!(names(&fixed(), 9).seal(&name()), @"tsk_2o7By5tvT1Nkxe9BlJPSxz_u3f1Vii3r3WcxEy2dvZa0ZN0i3nOi0fJZG5QbnhvOP1wm3UWXppSf8si5Bleo22p5mJdCZSmxmziUPXI7ZYYIGHGJbrMMpRuPc4i6gf83BL5El4CMGYLLSJYNjdINOeaT9oZr4fImICCUMVU");
    }

    #[test]
    fn a_wait_comes_back_as_it_was() {
        let names = names(&fixed(), 9);
        let agent = AgentId::new([1; 16]);
        for scope in [Address::agent(agent), name().scope, Address::session(agent, SessionId::new([8; 16]))] {
            for sent in [None, Some(sent(None)), Some(sent(Some(QuestionId::new([6; 16]))))] {
                let name = TaskName { scope, sent, named_session: sent.is_some(), ..name() };
                let sealed = names.seal(&name);
                assert_eq!(names.open(&sealed), Some(name), "{sealed}");
                assert!(sealed.len() < 256, "it is a header's value too");
            }
        }
    }

    #[test]
    fn a_name_of_another_log_or_installation_is_none() {
        let sealed = names(&fixed(), 9).seal(&name());
        assert_eq!(names(&fixed(), 8).open(&sealed), None);
        assert_eq!(names(&Secrets::generate(), 9).open(&sealed), None);
        for text in ["", "tsk_", &sealed[1..], &sealed[4..], &format!("{sealed}A"), &format!("tsk_{}", "é".repeat(84))] {
            assert_eq!(names(&fixed(), 9).open(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_changed_letter_goes_unnoticed(at in 4..160_usize, letter in "[A-Za-z0-9_-]") {
            let mut sealed = names(&fixed(), 9).seal(&name());
            prop_assume!(sealed[at..=at] != letter);
            sealed.replace_range(at..=at, &letter);
            prop_assert_eq!(names(&fixed(), 9).open(&sealed), None);
        }
    }
}
