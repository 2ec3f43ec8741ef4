//! No word, question, withdrawal or end of an agent's, at once or planned, stands behind a word of the person's that its key was not given,
//! however the steps of two keys, two processes, a person and the timers fall, and wherever a process dies.

mod counts;
mod world;

use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestRunner};

use counts::Counts;
use world::World;

/// One step of a schedule. What belongs together (a call arrives, is decided, is appended, is answered) is apart, so that anything may come
/// in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    /// The person says something or answers a question, by a process.
    Person { process: usize, word: Word },
    /// A key is given what happened up to an event: this many before the last.
    Give { key: usize, but: u8 },
    /// A key acknowledges what it was given.
    Mark { key: usize, process: usize },
    /// A call of a key arrives at a process, which decides it by the state that it has.
    Call { key: usize, process: usize, act: Act, account: Account },
    /// The process of a key's call sends to the log what it decided; where another was first, it reads anew and decides again.
    Append { key: usize, is_acknowledged: bool },
    /// A key repeats its last call, with what it has read by now.
    Repeat { key: usize, process: usize },
    /// A process dies and starts again: what it had decided is gone.
    Crash { process: usize },
    /// A process hears of what others have written.
    Follow { process: usize },
    /// Time passes; the timers are late.
    Pass,
    /// What falls due next falls due, by a process.
    Timer { process: usize, timer: Timer },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Word {
    Message,
    /// To the question that was asked this many before the last.
    Answer {
        before: u8,
    },
    /// On the question that was asked this many before the last.
    Verdict {
        before: u8,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    Say,
    Ask(Terms),
    /// Of the question that was asked this many before the last.
    Withdraw {
        before: u8,
    },
    End,
    PlanEnd,
}

/// On which terms a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Terms {
    /// In place of the question that was asked this many before the last.
    replaces: Option<u8>,
    is_final: bool,
    is_timed: bool,
    is_decision: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Timer {
    TimeOutQuestions,
    EndAsPlanned,
}

/// What a call says that its key has read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Account {
    /// A cursor that it was given.
    After,
    /// Nothing: what its gateway has given it counts, and its read mark.
    Nothing,
    /// Nothing, at a gateway that has forgotten what it gave: its read mark counts.
    Forgotten,
    /// That it speaks whatever is unread.
    EvenIfUnread,
}

fn act() -> impl Strategy<Value = Act> {
    let terms = (option::weighted(0.5, 0_u8..3), any::<[bool; 3]>());
    prop_oneof![
        10 => Just(Act::Say),
        8 => terms.prop_map(|(replaces, [is_final, is_timed, is_decision])| {
            Act::Ask(Terms { replaces, is_final, is_timed, is_decision })
        }),
        3 => (0_u8..3).prop_map(|before| Act::Withdraw { before }),
        1 => Just(Act::End),
        3 => Just(Act::PlanEnd),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let (key, process) = (|| 0_usize..2, || 0_usize..2);
    let word = prop_oneof![
        3 => Just(Word::Message),
        3 => (0_u8..3).prop_map(|before| Word::Answer { before }),
        3 => (0_u8..3).prop_map(|before| Word::Verdict { before }),
    ];
    let timer = prop_oneof![3 => Just(Timer::TimeOutQuestions), 1 => Just(Timer::EndAsPlanned)];
    let account = prop_oneof![
        6 => Just(Account::After),
        6 => Just(Account::Nothing),
        2 => Just(Account::Forgotten),
        1 => Just(Account::EvenIfUnread),
    ];
    prop_oneof![
        6 => (process(), word).prop_map(|(process, word)| Step::Person { process, word }),
        8 => (key(), prop_oneof![3 => Just(0), 1 => 0_u8..4]).prop_map(|(key, but)| Step::Give { key, but }),
        2 => (key(), process()).prop_map(|(key, process)| Step::Mark { key, process }),
        8 => (key(), process(), act(), account).prop_map(|(key, process, act, account)| Step::Call { key, process, act, account }),
        9 => (key(), prop_oneof![3 => Just(true), 1 => Just(false)])
            .prop_map(|(key, is_acknowledged)| Step::Append { key, is_acknowledged }),
        3 => (key(), process()).prop_map(|(key, process)| Step::Repeat { key, process }),
        1 => process().prop_map(|process| Step::Crash { process }),
        1 => process().prop_map(|process| Step::Follow { process }),
        1 => Just(Step::Pass),
        3 => (process(), timer).prop_map(|(process, timer)| Step::Timer { process, timer }),
    ]
}

/// Runs this many schedules, and returns how many of them were different, and what happened in all of them together.
fn run(cases: u32) -> (usize, Counts) {
    let seen = RefCell::new((HashSet::new(), Counts::default()));
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&vec(step(), 1..60), |steps| -> TestCaseResult {
        let mut hasher = DefaultHasher::new();
        steps.hash(&mut hasher);
        let mut world = World::new();
        for step in &steps {
            world.take(*step);
            world.holds()?;
        }
        let (schedules, counts) = &mut *seen.borrow_mut();
        schedules.insert(hasher.finish());
        counts.add(&world.counts);
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.map_or_else(|failure| failure.to_string(), |()| String::new()));
    let (schedules, counts) = seen.into_inner();
    (schedules.len(), counts)
}

#[test]
fn nothing_is_said_past_unread_words() {
    let (schedules, counts) = run(4_000);
    println!("{schedules} different schedules: {counts:?}");
    // Each of these is a way in which the law could fail.
    assert!(counts.said > 1_000 && counts.held > 1_000, "{counts:?}");
    assert!(counts.held_after_a_conflict > 50 && counts.replayed > 100 && counts.lost > 100, "{counts:?}");
    // Whoever says that it speaks all the same does, so a word that stands behind unread ones would be seen.
    assert!(counts.past_unread > 50, "{counts:?}");
    // Each kind of saying something was held, and done.
    for (act, done, held) in [
        ("say", counts.words, counts.held_words),
        ("ask in place of", counts.replaced, counts.held_replaced),
        ("withdraw", counts.withdrawn, counts.held_withdrawn),
        ("plan the end", counts.planned, counts.held_planned),
        ("end", counts.ended, counts.held_ended),
    ] {
        assert!(done > 50 && held > 20, "{act}: {counts:?}");
    }
    // No timer was held for anybody.
    assert!(counts.timed_out_past_unread > 50 && counts.ended_as_planned > 10 && counts.called_off > 50, "{counts:?}");
    assert!(counts.verdicts > 50, "{counts:?}");
}

#[test]
#[ignore = "takes minutes"]
fn long_nothing_is_said_past_unread_words() {
    let (schedules, counts) = run(120_000);
    println!("{schedules} different schedules: {counts:?}");
    assert!(schedules > 100_000, "{schedules}");
}
