//! What the log holds is all there is: any accepted history folds to the state that wrote it.

use domain::{Remembered, Root};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::log::Log;
use crate::of_every_aggregate;
use crate::subject::{History, Subject};

type Verdict = Result<(), TestCaseError>;

/// Writes and reads as the log does.
fn through_the_wire<T: Serialize + DeserializeOwned>(value: &T) -> T {
    let bytes = rmp_serde::to_vec_named(value).expect("every value can be written");
    rmp_serde::from_slice(&bytes).expect("what was written can be read")
}

fn written<A: Subject>(history: History<A>) -> Log<A> {
    let mut log = Log::new(history.policy);
    log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(())).expect("looking away finds no fault");
    log
}

fn a_history_folds_to_the_state_that_wrote_it<A: Subject>(history: History<A>) -> Verdict {
    let log = written(history);
    let mut folded = Root::<A>::default();
    for commit in &log.commits {
        folded.fold(commit.id, commit.answer, &commit.events);
    }
    prop_assert_eq!(folded, log.root);
    Ok(())
}
of_every_aggregate!(a_history_folds_to_the_state_that_wrote_it);

fn a_history_survives_the_wire<A: Subject>(history: History<A>) -> Verdict {
    let log = written(history);
    let mut folded = Root::<A>::default();
    for commit in &log.commits {
        let events: Vec<A::Event> = through_the_wire(&commit.events);
        prop_assert_eq!(&events, &commit.events);
        folded.fold(through_the_wire(&commit.id), through_the_wire(&commit.answer), &events);
    }
    prop_assert_eq!(folded, log.root);
    Ok(())
}
of_every_aggregate!(a_history_survives_the_wire);

/// Wherever the state is written down, and the rest taken in by another reader.
fn a_state_survives_the_wire_at_every_commit<A: Subject>(history: History<A>) -> Verdict {
    let log = written(history);
    let mut folded = Root::<A>::default();
    for commit in &log.commits {
        folded = through_the_wire(&folded);
        folded.fold(commit.id, commit.answer, &commit.events);
    }
    prop_assert_eq!(&folded, &log.root);
    prop_assert_eq!(rmp_serde::to_vec_named(&folded).ok(), rmp_serde::to_vec_named(&log.root).ok());
    Ok(())
}
of_every_aggregate!(a_state_survives_the_wire_at_every_commit);

fn time_never_runs_backwards<A: Subject>(history: History<A>) -> Verdict {
    let mut log = Log::<A>::new(history.policy);
    let mut last = log.root.at;
    log.execute_all(&history.commands, |log, issued| {
        prop_assert!(log.root.at >= last);
        if let Some(commit) = log.commits.last().filter(|commit| commit.id == issued.id) {
            prop_assert_eq!(commit.answer.at, last.max(issued.at));
            prop_assert_eq!(log.root.at, commit.answer.at);
        }
        last = log.root.at;
        Ok(())
    })
}
of_every_aggregate!(time_never_runs_backwards);

/// A commit of the past, told late by a broken writer, does not turn the clock back either.
fn an_older_commit_does_not_turn_the_clock_back<A: Subject>(history: History<A>) -> Verdict {
    let mut root = written(history).root;
    let at = root.at;
    let answer =
        Remembered { sequence: 1, events: 0, at: domain::Timestamp(i64::MIN), fingerprint: domain::Fingerprint::new([0; 16]) };
    root.fold(domain::CommandId::new([0xff; 16]), answer, &[]);
    prop_assert_eq!(root.at, at);
    Ok(())
}
of_every_aggregate!(an_older_commit_does_not_turn_the_clock_back);
