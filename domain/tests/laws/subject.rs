//! Histories of commands and events: mostly such as happen, small enough that limits are met, and some that never should.

mod agent;
mod link;
mod session;

use std::hash::{DefaultHasher, Hash, Hasher};

use domain::budget::{Amounts, Limits, Measure, Reached, Span, Tally};
use domain::{Aggregate, CommandId, Fingerprint, Issued, KeyId, Millis, Policy, QuestionId, Sealed, SessionId, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

/// An aggregate of which laws are tested.
pub(crate) trait Subject: Aggregate {
    /// The command that brings it into being, acceptable at the beginning of time.
    fn beginning() -> BoxedStrategy<Self::Command>;

    /// Any command.
    fn command() -> BoxedStrategy<Self::Command>;

    /// Any event, whether or not any decision could lead to it.
    fn event() -> BoxedStrategy<Self::Event>;
}

/// Commands that follow each other, each with an id of its own, and the limits under which they fall.
#[derive(Debug)]
pub(crate) struct History<A: Subject> {
    pub(crate) policy: Policy,
    pub(crate) commands: Vec<Issued<A::Command>>,
}

/// Any history; nearly all begin with the aggregate's beginning.
pub(crate) fn history<A: Subject>() -> impl Strategy<Value = History<A>> {
    let begun = prop_oneof![19 => A::beginning(), 1 => A::command()];
    (narrow_policy(), begun, vec((step(), A::command()), 0..60)).prop_map(|(policy, first, rest)| {
        let mut now = Timestamp(0);
        let mut commands = vec![issue(0, now, first)];
        for (n, (step, command)) in (1..).zip(rest) {
            now = now + step;
            commands.push(issue(n, now, command));
        }
        History { policy, commands }
    })
}

/// Issues a command under the `n`th id; its fingerprint is that of its content.
pub(crate) fn issue<C: std::fmt::Debug>(n: u16, at: Timestamp, command: C) -> Issued<C> {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&n.to_be_bytes());
    Issued { id: CommandId::new(id), fingerprint: fingerprint_of(&command), at, command }
}

fn fingerprint_of(content: &impl std::fmt::Debug) -> Fingerprint {
    let mut hasher = DefaultHasher::new();
    format!("{content:?}").hash(&mut hasher);
    let mut fingerprint = [0; 16];
    fingerprint[..8].copy_from_slice(&hasher.finish().to_be_bytes());
    Fingerprint::new(fingerprint)
}

/// Clocks mostly go on, sometimes for long, and now and then run backwards.
fn step() -> impl Strategy<Value = Millis> {
    prop_oneof![
        12 => (0_i64..10_000).prop_map(Millis),
        4 => (0_i64..40).prop_map(Millis::minutes),
        1 => (0_i64..400).prop_map(Millis::minutes),
        2 => (-60_i64..0).prop_map(Millis::minutes),
    ]
}

/// Limits so low that histories meet them.
fn narrow_policy() -> impl Strategy<Value = Policy> {
    let bytes = || prop_oneof![3 => Just(1 << 40), 1 => 2_000_u64..60_000];
    let lows = (1_usize..5, 1_usize..6, 1_u32..8, 1_u32..5, 1_usize..3, 1_u32..4, bytes(), bytes());
    lows.prop_map(
        |(
            agent_keys,
            starts_per_minute,
            agent_messages,
            agent_messages_per_minute,
            open_questions,
            answers_per_question,
            session_bytes_a_day,
            link_bytes_a_day,
        )| {
            Policy {
                agent_keys,
                starts_per_minute,
                agent_messages,
                agent_messages_per_minute,
                open_questions,
                answers_per_question,
                session_bytes_a_day,
                link_bytes_a_day,
                ..Policy::default()
            }
        },
    )
}

/// How many histories a law is tried on.
pub(crate) fn histories() -> ProptestConfig {
    ProptestConfig::with_cases(128)
}

/// Any moment: near the beginning, or at the ends of what can be told.
pub(crate) fn timestamp() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        20 => (0_i64..10_000).prop_map(|minutes| Timestamp(0) + Millis::minutes(minutes)),
        1 => any::<i64>().prop_map(Timestamp),
        1 => Just(Timestamp(i64::MIN)),
        1 => Just(Timestamp(i64::MAX)),
    ]
}

/// Any length of time, also such as no clock can measure.
pub(crate) fn millis() -> impl Strategy<Value = Millis> {
    prop_oneof![6 => (0_i64..2_000).prop_map(Millis::minutes), 1 => any::<i64>().prop_map(Millis), 1 => Just(Millis(i64::MIN))]
}

/// Any count, mostly a low one.
pub(crate) fn count() -> impl Strategy<Value = u32> {
    prop_oneof![6 => 0_u32..6, 1 => any::<u32>(), 1 => Just(u32::MAX)]
}

/// Any text: its length need not be that of its bytes.
pub(crate) fn sealed() -> impl Strategy<Value = Sealed> {
    let characters = prop_oneof![8 => 1_u32..200, 1 => Just(0), 1 => 200_u32..9_000, 1 => any::<u32>()];
    (vec(any::<u8>(), 0..40), characters, any::<[u8; 16]>()).prop_map(|(bytes, characters, fingerprint)| Sealed {
        bytes: bytes.into(),
        characters,
        fingerprint: Fingerprint::new(fingerprint),
    })
}

/// A text that nothing can be said against.
fn short_text() -> impl Strategy<Value = Sealed> {
    sealed().prop_map(|sealed| Sealed { characters: 10, ..sealed })
}

pub(crate) fn maybe<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    proptest::option::of(strategy)
}

/// Limits so low that histories meet them, and now and then none.
pub(crate) fn limits() -> impl Strategy<Value = Limits> {
    (maybe(1_u32..6), maybe(1_u32..600), maybe(1_u32..6)).prop_map(|(messages, characters, turns)| Limits {
        messages,
        characters,
        turns,
    })
}

/// Any amounts, mostly such as a message's.
pub(crate) fn amounts() -> impl Strategy<Value = Amounts> {
    let amount = || prop_oneof![3 => Just(0), 12 => 0_u64..300, 1 => any::<u64>()];
    (amount(), amount(), amount(), amount()).prop_map(|(messages, characters, turns, bytes)| Amounts {
        messages,
        characters,
        turns,
        bytes,
    })
}

/// Any tally.
pub(crate) fn tally() -> impl Strategy<Value = Tally> {
    (amounts(), prop_oneof![8 => 0_i64..3, 1 => any::<i64>()], amounts()).prop_map(|(all, day, today)| Tally { all, day, today })
}

/// Any share of any limit.
pub(crate) fn reached() -> impl Strategy<Value = Reached> {
    (any::<u64>(), any::<u64>()).prop_map(|(used, limit)| Reached { what: Measure::Turns, of: Span::Day, used, limit })
}

pub(crate) fn hash() -> impl Strategy<Value = Fingerprint> {
    few().prop_map(Fingerprint::new)
}

fn few() -> impl Strategy<Value = [u8; 16]> {
    (0_u8..5).prop_map(|n| [n; 16])
}

pub(crate) fn key() -> impl Strategy<Value = KeyId> {
    few().prop_map(KeyId::new)
}

pub(crate) fn session_id() -> impl Strategy<Value = SessionId> {
    few().prop_map(SessionId::new)
}

pub(crate) fn question() -> impl Strategy<Value = QuestionId> {
    few().prop_map(QuestionId::new)
}
