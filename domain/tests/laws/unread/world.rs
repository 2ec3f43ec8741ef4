//! A log with one session, two processes that cache it, two keys and a person; what each step does is what the executor does.

#![expect(clippy::indexing_slicing, reason = "keys, processes and steps are numbered within their lists")]

use std::collections::BTreeSet;

use domain::budget::Limits;
use domain::session::{
    Asked, Author, Choice, Closing, Command, DecisionTerms, EndReason, Event, EventPosition, Reader, Rejection, Session,
    Settings, Start, Verdict, Wish,
};
use domain::{
    CommandId, Decision, Fingerprint, KeyId, LinkId, Millis, Policy, QuestionId, Remembered, Root, SaltedHash, Sealed, Timestamp,
};
use proptest::prelude::*;

use super::counts::Counts;
use super::{Account, Act, Step, Terms, Timer, Word};

/// What other aggregates of the shard write between two commits of the session.
const APART: u64 = 3;
/// How long a timed question waits, an end is planned beforehand, and much passes at once.
const WHILE: Millis = Millis::MINUTE;

#[derive(Debug, Clone)]
struct Commit {
    id: CommandId,
    answer: Remembered,
    events: Vec<Event>,
}

/// A process: how much of the log it has read, and the state that this makes.
#[derive(Debug, Clone, Default)]
struct Process {
    read: usize,
    root: Root<Session>,
}

/// A call of a key's, until it is answered.
#[derive(Debug, Clone)]
struct Call {
    process: usize,
    id: CommandId,
    command: Command,
    act: Act,
    account: Account,
    /// What the key had been given when the call arrived; nothing binds one that speaks all the same.
    given: Option<BTreeSet<EventPosition>>,
    /// What the process decided, and for which end of the log.
    decided: Option<(usize, Decision<Session>)>,
}

#[derive(Debug, Clone, Default)]
struct Key {
    /// The person's words that it was given.
    given: BTreeSet<EventPosition>,
    /// The last event that it was given.
    upto: EventPosition,
    call: Option<Call>,
}

#[derive(Debug)]
pub(super) struct World {
    log: Vec<Commit>,
    processes: [Process; 2],
    keys: [Key; 2],
    /// For each commit of an agent's since the last look: what its key had been given; none where it spoke all the same.
    spoken: Vec<(usize, Option<BTreeSet<EventPosition>>)>,
    /// What the key that planned the end had been given.
    planned: Option<BTreeSet<EventPosition>>,
    commands: u64,
    now: Timestamp,
    policy: Policy,
    pub(super) counts: Counts,
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            log: vec![],
            processes: Default::default(),
            keys: Default::default(),
            spoken: vec![],
            planned: None,
            commands: 0,
            now: Timestamp(1_000),
            policy: Policy { agent_messages_per_minute: 1_000, open_questions: 100, ..Policy::default() },
            counts: Counts::default(),
        };
        let settings = Settings {
            expires_at: Timestamp(0) + Millis::minutes(10_000),
            max_messages: 1_000,
            messages_per_minute: 1_000,
            idle_timeout: Millis::minutes(30),
            keep_after_end: Millis::minutes(1),
            // Its shares come in commits of several events.
            budget: Limits { messages: Some(8), ..Limits::default() },
        };
        let question = Asked { question: first_question(), form: text(), fields: 1, required: 1 };
        let start = Start {
            link: LinkId::new([1; 16]),
            settings,
            start_before: Timestamp(0) + Millis::MINUTE,
            display_name: None,
            language: None,
            welcome: Some(text()),
            question: Some(question),
            recipient: None,
            origin: None,
        };
        let _is_started = world.carry_out(0, &Command::Start(Box::new(start)));
        world
    }

    pub(super) fn take(&mut self, step: Step) {
        // Read marks are a second apart.
        self.now = self.now + Millis::seconds(1);
        match step {
            Step::Person { process, word } => {
                let command = match word {
                    Word::Message => Command::Post {
                        from: Author::Chatter,
                        text: text(),
                        kind: None,
                        client_message_id: None,
                        signs: None,
                        is_paid: false,
                    },
                    Word::Answer { before } => {
                        Command::Answer { question: self.question(before), values: text(), answered: 1, withdrawn: 0 }
                    }
                    Word::Verdict { before } => Command::Decide {
                        question: self.question(before),
                        choice: Choice::Approve,
                        words: None,
                        document: text(),
                    },
                };
                let is_called_off = |event: &Event| matches!(event, Event::EndCalledOff { .. });
                if self.carry_out(process, &command) {
                    let (called_off, decided) =
                        (self.last_events().iter().any(is_called_off), self.last_events().iter().any(is_verdict));
                    self.counts.called_off += u64::from(called_off);
                    self.counts.verdicts += u64::from(decided);
                }
            }
            Step::Pass => self.now = self.now + WHILE,
            Step::Timer { process, timer } => self.fire(process, timer),
            Step::Give { key, but } => self.give(key, usize::from(but)),
            Step::Mark { key, process } => {
                let upto = self.keys[key].upto;
                let _is_marked = self.carry_out(process, &Command::MarkRead { by: Reader::Agent(key_id(key)), upto });
            }
            Step::Call { key, process, act, account } => {
                self.commands += 1;
                self.call(key, process, act, account, command_id(self.commands));
            }
            Step::Repeat { key, process } => {
                if let Some(Call { id, act, account, .. }) = self.keys[key].call.clone() {
                    self.call(key, process, act, account, id);
                }
            }
            Step::Append { key, is_acknowledged } => self.append(key, is_acknowledged),
            Step::Crash { process } => {
                self.processes[process] = Process::default();
                for key in &mut self.keys {
                    if let Some(call) = &mut key.call
                        && call.process == process
                    {
                        call.decided = None;
                    }
                }
            }
            Step::Follow { process } => self.follow(process),
        }
    }

    /// Passes while no word of an agent's stands behind one of the person's that its key was not given.
    pub(super) fn holds(&mut self) -> Result<(), TestCaseError> {
        // Each is looked at once: the log before it does not change.
        for (place, given) in self.spoken.drain(..) {
            let Some(given) = given else { continue };
            let unread: Vec<_> = self.log[..place].iter().flat_map(words_of).filter(|word| !given.contains(word)).collect();
            prop_assert!(unread.is_empty(), "{:?} was said past {unread:?}", self.log[place]);
        }
        Ok(())
    }

    /// Carries out, at once, what is not about speaking.
    fn carry_out(&mut self, process: usize, command: &Command) -> bool {
        self.follow(process);
        let decided = self.processes[process].root.decide(command, self.now, &self.policy);
        let Some(decision) = decided.ok().filter(|decision| !decision.events.is_empty()) else { return false };
        self.commands += 1;
        self.record(process, command_id(self.commands), decision, true);
        true
    }

    /// Lets what falls due next fall due; no timer asks what anybody has read.
    fn fire(&mut self, process: usize, timer: Timer) {
        self.follow(process);
        let state = &self.processes[process].root.state;
        let (due, command) = match timer {
            Timer::TimeOutQuestions => (state.next_deadline(), Command::TimeOutQuestions),
            Timer::EndAsPlanned => (state.planned_end.as_ref().map(|planned| planned.at), Command::EndAsPlanned),
        };
        let Some(due) = due else { return };
        self.now = self.now.max(due);
        assert!(self.carry_out(process, &command), "what is due is done");
        match timer {
            Timer::TimeOutQuestions => {
                let is_time_out = |event: &Event| {
                    matches!(event, Event::QuestionClosed { why: Closing::TimedOut, .. } | Event::DecisionMade { .. })
                        && !is_verdict(event)
                };
                assert!(self.last_events().iter().all(is_time_out));
                let words: BTreeSet<_> = self.log.iter().flat_map(words_of).collect();
                let is_unread = self.keys.iter().any(|key| words.difference(&key.given).next().is_some());
                self.counts.timed_out_past_unread += u64::from(is_unread);
            }
            // It is as if the agent had said so when it planned it: any word since has called it off.
            Timer::EndAsPlanned => {
                self.counts.ended_as_planned += 1;
                self.spoken.push((self.log.len() - 1, self.planned.clone()));
            }
        }
    }

    fn last_events(&self) -> &[Event] {
        self.log.last().map(|commit| commit.events.as_slice()).unwrap_or_default()
    }

    /// Returns the question that was asked this many before the last.
    fn question(&self, before: u8) -> QuestionId {
        let asked = |event: &Event| match event {
            Event::QuestionAsked { question, .. } => Some(*question),
            _ => None,
        };
        let all: Vec<_> = self.log.iter().flat_map(|commit| &commit.events).filter_map(asked).collect();
        all[all.len().saturating_sub(usize::from(before) + 1)]
    }

    fn give(&mut self, key: usize, but: usize) {
        let all: Vec<_> = self.log.iter().flat_map(positions_of).collect();
        let Some(last) = all.len().checked_sub(but + 1) else { return };
        let upto = all[last].max(self.keys[key].upto);
        self.keys[key].upto = upto;
        self.keys[key].given = self.log.iter().flat_map(words_of).filter(|word| *word <= upto).collect();
    }

    fn call(&mut self, key: usize, process: usize, act: Act, account: Account, id: CommandId) {
        let given = self.keys[key].upto;
        let command = match act {
            Act::Say => Command::Post {
                from: author(key),
                text: text(),
                kind: None,
                client_message_id: None,
                signs: None,
                is_paid: false,
            },
            Act::Ask(Terms { replaces, is_final, is_timed, is_decision }) => {
                let question = QuestionId::new(*id.bytes());
                let if_silent = is_timed.then(text);
                let replaces = replaces.map(|before| self.question(before));
                let answer_within = is_timed.then_some(WHILE);
                let decision = is_decision.then(|| DecisionTerms {
                    allow: [Choice::Approve].into(),
                    payload: SaltedHash([1; 32]),
                    if_timed_out: text(),
                });
                let fields = u8::from(!is_decision);
                let wish = Wish { is_final, answer_within, if_silent, replaces, decision };
                Command::Ask { question, from: author(key), form: text(), fields, required: fields, wish }
            }
            Act::Withdraw { before } => Command::Withdraw { question: self.question(before), reason: None },
            Act::PlanEnd => Command::PlanEnd { within: WHILE, farewell: Some(text()) },
            Act::End => Command::End { reason: EndReason::AgentEnded, farewell: Some(text()) },
        };
        let state = &self.processes[process].root.state;
        let read = match account {
            Account::After => Some(given),
            Account::Nothing => Some(state.read_by(key_id(key), Some(given))),
            Account::Forgotten => Some(state.read_by(key_id(key), None)),
            Account::EvenIfUnread => None,
        };
        let known = read.map(|_| self.keys[key].given.clone());
        let command = match read {
            Some(read) => Command::IfRead { read, command: Box::new(command) },
            None => command,
        };
        self.keys[key].call = Some(Call { process, id, command, act, account, given: known, decided: None });
        self.decide(key, false);
    }

    /// Decides a key's call by the state that its process has.
    fn decide(&mut self, key: usize, after_a_conflict: bool) {
        loop {
            let Some(call) = &mut self.keys[key].call else { return };
            let process = &self.processes[call.process];
            if !matches!(process.root.replay(&call.id, &fingerprint(call.id)), Ok(None)) {
                self.counts.replayed += 1;
                call.decided = None;
                return;
            }
            match process.root.decide(&call.command, self.now, &self.policy) {
                Ok(decision) => call.decided = (!decision.events.is_empty()).then_some((process.read, decision)),
                // As the executor does, on the newest state only.
                Err(_) if process.read < self.log.len() => {
                    let process = call.process;
                    self.follow(process);
                    continue;
                }
                Err(Rejection::Unread { count, .. }) => {
                    assert!(count > 0);
                    // Its id is as free as before, for whatever is said instead.
                    assert_eq!(process.root.replay(&call.id, &Fingerprint::new([0xff; 16])), Ok(None));
                    self.counts.note_held(call.act, after_a_conflict);
                    call.decided = None;
                }
                Err(_) => call.decided = None,
            }
            return;
        }
    }

    fn append(&mut self, key: usize, is_acknowledged: bool) {
        let Some(call) = &mut self.keys[key].call else { return };
        let Some((expected, decision)) = call.decided.take() else { return };
        let (process, id, given, act) = (call.process, call.id, call.given.clone(), call.act);
        if expected != self.log.len() {
            self.follow(process);
            self.decide(key, true);
            return;
        }
        self.counts.note_said(act, is_acknowledged);
        if act == Act::PlanEnd {
            self.planned.clone_from(&given);
        }
        let is_past = given.is_none() && {
            let words: BTreeSet<_> = self.log.iter().flat_map(words_of).collect();
            words.difference(&self.keys[key].given).next().is_some()
        };
        self.counts.past_unread += u64::from(is_past);
        self.spoken.push((self.log.len(), given));
        self.record(process, id, decision, is_acknowledged);
    }

    /// Records what was decided; a process that hears nothing of it knows nothing of it.
    fn record(&mut self, process: usize, id: CommandId, decision: Decision<Session>, is_acknowledged: bool) {
        let answer = Remembered {
            sequence: (self.log.len() as u64 + 1) * APART,
            events: u16::try_from(decision.events.len()).expect("a commit has few events"),
            at: decision.root.at,
            fingerprint: fingerprint(id),
        };
        if is_acknowledged {
            let mut root = decision.root;
            root.remember(id, answer, &decision.events);
            self.processes[process] = Process { read: self.log.len() + 1, root };
        }
        self.log.push(Commit { id, answer, events: decision.events });
    }

    /// Reads the rest of the log.
    fn follow(&mut self, process: usize) {
        let process = &mut self.processes[process];
        for Commit { id, answer, events } in &self.log[process.read..] {
            process.root.fold(*id, *answer, events);
        }
        process.read = self.log.len();
    }
}

fn positions_of(commit: &Commit) -> impl Iterator<Item = EventPosition> + use<> {
    let sequence = commit.answer.sequence;
    (0..commit.answer.events).map(move |index| EventPosition { sequence, index })
}

/// What a person said, as a reader of the log sees it.
fn words_of(commit: &Commit) -> impl Iterator<Item = EventPosition> {
    let is_word = |event: &Event| {
        matches!(event, Event::MessagePosted { from: Author::Chatter, .. } | Event::QuestionAnswered { .. }) || is_verdict(event)
    };
    positions_of(commit).zip(&commit.events).filter(move |(_, event)| is_word(event)).map(|(position, _)| position)
}

/// Tells whether a person has decided.
fn is_verdict(event: &Event) -> bool {
    matches!(event, Event::DecisionMade { verdict, .. } if *verdict != Verdict::TimedOut)
}

fn text() -> Sealed {
    Sealed { characters: 5, ..Sealed::blank() }
}

fn first_question() -> QuestionId {
    QuestionId::new([7; 16])
}

fn key_id(key: usize) -> KeyId {
    KeyId::new([u8::try_from(key + 1).expect("two keys"); 16])
}

fn author(key: usize) -> Author {
    Author::Agent(key_id(key))
}

fn command_id(n: u64) -> CommandId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&n.to_be_bytes());
    CommandId::new(id)
}

fn fingerprint(id: CommandId) -> Fingerprint {
    Fingerprint::new(*id.bytes())
}
