//! The same command again changes nothing, and gets the first answer.

use domain::agent::{self, Agent};
use domain::link::{self, Link};
use domain::{Aggregate, Fingerprint, Millis, Policy, Rejected, Timestamp};
use proptest::prelude::*;

use crate::log::Log;
use crate::of_every_aggregate;
use crate::subject::{History, Subject, issue};

type Verdict = Result<(), TestCaseError>;

/// At once, or a while later.
fn the_same_command_twice_appends_once<A: Subject>(history: History<A>) -> Verdict {
    let mut log = Log::<A>::new(history.policy);
    for (issued, later) in history.commands.iter().zip([0, 1, 60_000].into_iter().cycle()) {
        let first = log.execute(issued);
        let commits = log.commits.len();
        let mut again = issued.clone();
        again.at = again.at + Millis(later);
        let second = log.execute(&again);
        prop_assert!(first.is_err() || log.commits.len() == commits, "{issued:?} was carried out twice");
        if later == 0 {
            prop_assert!(second == first || second == Ok(None), "{issued:?} got another answer");
        }
    }
    Ok(())
}
of_every_aggregate!(the_same_command_twice_appends_once);

/// Whatever has happened since, whichever comes first, and however often.
fn what_is_remembered_is_answered_for_good<A: Subject>(history: History<A>) -> Verdict {
    let mut log = Log::<A>::new(history.policy);
    log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(()))?;
    let before = log.commits.len();
    let remembered: Vec<_> =
        log.commits.clone().into_iter().filter(|commit| commit.events.iter().any(A::must_remember)).collect();
    for commit in remembered.iter().rev().chain(&remembered) {
        let issued = history.commands.iter().find(|issued| issued.id == commit.id);
        let mut again = issued.expect("commits come from commands").clone();
        again.at = Timestamp(i64::MAX);
        prop_assert_eq!(log.execute(&again), Ok(Some(commit.answer)));
    }
    prop_assert_eq!(log.commits.len(), before);
    Ok(())
}
of_every_aggregate!(what_is_remembered_is_answered_for_good);

/// Even where the other content would be refused, or is already so.
fn an_id_used_before_is_refused_with_other_content<A: Subject>(history: History<A>) -> Verdict {
    let mut log = Log::<A>::new(history.policy);
    log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(()))?;
    let before = log.root.clone();
    for issued in &history.commands {
        let mut other = issued.clone();
        other.fingerprint = Fingerprint::new([0xff; 16]);
        if log.root.memory.get(&issued.id).is_some() {
            prop_assert_eq!(log.execute(&other), Err(Rejected::IdReused));
        }
    }
    prop_assert_eq!(log.root, before);
    Ok(())
}
of_every_aggregate!(an_id_used_before_is_refused_with_other_content);

/// The newest, and the one that brought it into being.
fn as_many_are_remembered_as_the_limit<A: Aggregate>(log: &Log<A>) -> Verdict {
    let limit = A::REMEMBERS.expect("a session is bounded by its own limits");
    prop_assert_eq!(log.root.memory.len(), log.commits.len().min(limit));
    for commit in log.commits.iter().take(1).chain(log.commits.iter().rev().take(limit - 1)) {
        prop_assert_eq!(log.root.memory.get(&commit.id), Some(&commit.answer));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn an_agent_remembers_the_last_commands_and_its_registration(changes in 0_u16..600) {
        let mut log = Log::<Agent>::new(Policy::default());
        let mut commands = vec![issue(0, Timestamp(0), agent::Command::Register { name: "a".to_owned() })];
        commands.extend((1..=changes).map(|n| {
            let webhook = agent::Webhook { url: "w".to_owned(), with_text: false, rotation: u32::from(n) };
            issue(n, Timestamp(0), agent::Command::SetWebhook { webhook: Some(webhook) })
        }));
        log.execute_all(&commands, |_, _| Ok::<_, TestCaseError>(()))?;
        prop_assert_eq!(log.commits.len(), commands.len());
        as_many_are_remembered_as_the_limit(&log)?;
    }

    #[test]
    fn a_link_remembers_the_last_commands_and_its_opening(opening in Link::beginning(), changes in 0_u16..600) {
        let mut log = Log::<Link>::new(Policy::default());
        let mut commands = vec![issue(0, Timestamp(0), opening)];
        commands.extend((1..=changes).map(|n| issue(n, Timestamp(0), link::Command::RotateToken)));
        log.execute_all(&commands, |_, _| Ok::<_, TestCaseError>(()))?;
        prop_assert_eq!(log.commits.len(), commands.len());
        as_many_are_remembered_as_the_limit(&log)?;
    }
}
