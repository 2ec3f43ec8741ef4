//! The life of questions, in any order in which answers, deadlines, successors, withdrawals and ends may come.

use std::collections::{BTreeMap, BTreeSet};

use domain::session::{Author, Choice, Closing, Command, Event, Session, Verdict};
use domain::{QuestionId, SaltedHash, Timestamp};
use proptest::prelude::*;

use crate::log::Log;
use crate::subject::{History, histories, history};

/// What the log tells of one question.
#[derive(Debug, Default)]
struct Told {
    closings: Vec<Closing>,
    /// Whether the person has written anything since it was asked, and before it was closed.
    is_word_written: bool,
    answer_by: Option<Timestamp>,
    is_final: bool,
    is_complete: bool,
    /// What a decision may come to, and what it came to.
    allow: Option<BTreeSet<Choice>>,
    payload: Option<SaltedHash>,
    verdicts: Vec<Verdict>,
}

fn is_word_of_person(event: &Event) -> bool {
    match event {
        Event::MessagePosted { from, .. } => *from == Author::Chatter,
        Event::QuestionAnswered { .. } | Event::Reported { .. } => true,
        Event::DecisionMade { verdict, .. } => *verdict != Verdict::TimedOut,
        Event::Rated { feedback, .. } => feedback.is_some(),
        _ => false,
    }
}

/// Reads a log as a stranger would: by its events alone.
fn read(log: &Log<Session>) -> Result<BTreeMap<QuestionId, Told>, TestCaseError> {
    let mut questions = BTreeMap::<QuestionId, Told>::new();
    for (event, at) in log.events() {
        let open = |told: &&mut Told| told.closings.is_empty();
        if is_word_of_person(event) {
            questions.values_mut().filter(open).for_each(|told| told.is_word_written = true);
        }
        match event {
            Event::QuestionAsked { question, terms, .. } => {
                let (allow, payload) = terms.decision.as_ref().map(|terms| (terms.allow.clone(), terms.payload)).unzip();
                let (answer_by, is_final) = (terms.answer_by, terms.is_final);
                let told = Told { answer_by, is_final, allow, payload, ..Told::default() };
                prop_assert!(questions.insert(*question, told).is_none(), "asked twice");
            }
            Event::QuestionAnswered { question, missing, .. } => {
                let told = questions.get_mut(question).expect("it was asked");
                prop_assert!(told.closings.is_empty(), "answered after {:?}", told.closings);
                prop_assert!(told.allow.is_none(), "values for a decision");
                prop_assert!(told.answer_by.is_none_or(|by| at < by), "answered after its deadline");
                told.is_complete = *missing == 0;
            }
            Event::DecisionMade { question, verdict, payload, words, .. } => {
                let told = questions.get_mut(question).expect("it was asked");
                prop_assert!(told.closings.is_empty(), "decided after {:?}", told.closings);
                prop_assert_eq!(Some(*payload), told.payload, "decided about another payload");
                match choice(*verdict) {
                    None => {
                        prop_assert!(told.answer_by.is_some_and(|by| at >= by) && words.is_none(), "silence before its time");
                    }
                    Some(choice) => {
                        prop_assert!(
                            told.allow.as_ref().is_some_and(|allow| allow.contains(&choice)),
                            "{choice:?} was not allowed"
                        );
                        prop_assert!(told.answer_by.is_none_or(|by| at < by), "decided after its deadline");
                        told.is_complete = true;
                    }
                }
                told.verdicts.push(*verdict);
            }
            Event::QuestionClosed { question, why, replaced_by, values, reason } => {
                let told = questions.get_mut(question).expect("it was asked");
                told.closings.push(*why);
                prop_assert_eq!(replaced_by.is_some(), *why == Closing::Replaced);
                prop_assert!(values.is_none() || (*why == Closing::TimedOut && !told.is_word_written), "values against a word");
                prop_assert!(reason.is_none() || *why == Closing::Withdrawn);
                match why {
                    Closing::Answered => prop_assert!(told.is_complete, "closed without an answer"),
                    Closing::TimedOut => prop_assert!(told.answer_by.is_some_and(|by| at >= by), "timed out early"),
                    Closing::Replaced | Closing::Withdrawn | Closing::SessionEnded => {}
                }
                // Whoever is told of a verdict is told of all that there will ever be.
                let is_decided = matches!(why, Closing::Answered | Closing::TimedOut);
                prop_assert_eq!(told.verdicts.len(), usize::from(told.allow.is_some() && is_decided), "{:?}", told.verdicts);
            }
            Event::Ended { .. } => {
                let open = questions.iter().find(|(_, told)| told.closings.is_empty());
                prop_assert!(open.is_none(), "open after the end: {open:?}");
            }
            _ => {}
        }
    }
    Ok(questions)
}

/// What a person chose; none where nobody did.
fn choice(verdict: Verdict) -> Option<Choice> {
    match verdict {
        Verdict::Approved => Some(Choice::Approve),
        Verdict::Rejected => Some(Choice::Reject),
        Verdict::Edited => Some(Choice::Edit),
        Verdict::Responded => Some(Choice::Respond),
        Verdict::TimedOut => None,
    }
}

/// Few questions and many ways to close them; also what comes twice, from another device or after a lost answer.
fn eventful() -> impl Strategy<Value = History<Session>> {
    (history::<Session>(), any::<u64>()).prop_map(|(mut history, seed)| {
        let again: Vec<_> = history.commands.iter().filter(|issued| is_about_questions(&issued.command)).cloned().collect();
        for (n, mut issued) in again.into_iter().enumerate() {
            let turned = seed.rotate_left(u32::try_from(n % 64).unwrap_or(0)) % (history.commands.len() as u64 + 1);
            let index = usize::try_from(turned).unwrap_or_default();
            // Another device's, at another time: an id of its own.
            let mut id = *issued.id.bytes();
            id[15] = 1;
            issued.id = domain::CommandId::new(id);
            issued.at = history.commands.get(index).map_or(issued.at, |other| other.at);
            history.commands.insert(index, issued);
        }
        history
    })
}

fn is_about_questions(command: &Command) -> bool {
    matches!(
        command,
        Command::Answer { .. }
            | Command::Decide { .. }
            | Command::Ask { .. }
            | Command::Withdraw { .. }
            | Command::TimeOutQuestions
    )
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn a_question_is_closed_exactly_once_and_takes_no_answer_then(history in eventful()) {
        let mut log = Log::<Session>::new(history.policy);
        log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(()))?;
        let questions = read(&log)?;
        for (id, told) in &questions {
            prop_assert!(told.closings.len() <= 1, "closed for {:?}", told.closings);
            prop_assert!(told.verdicts.len() <= 1, "decided as {:?}", told.verdicts);
            prop_assert!(told.verdicts.is_empty() || !told.closings.is_empty(), "decided and left open");
            let known = &log.root.state.questions[id];
            prop_assert_eq!(told.closings.first().copied(), known.closed, "the commit says what the state knows");
            prop_assert!(!(told.is_final && told.is_complete && told.closings.is_empty()), "a final answer leaves it open");
            prop_assert_eq!(log.root.state.open_questions.contains(id), known.closed.is_none());
        }
    }

    #[test]
    fn a_timer_finds_nothing_overdue_when_it_has_run(history in eventful(), later in 0_i64..10_000) {
        let mut log = Log::<Session>::new(history.policy.clone());
        log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(()))?;
        let now = log.root.at + domain::Millis::minutes(later);
        let Ok(decision) = log.root.decide(&Command::TimeOutQuestions, now, &history.policy) else { return Ok(()) };
        prop_assert!(decision.root.state.next_deadline().is_none_or(|next| next > now));
        let again = decision.root.decide(&Command::TimeOutQuestions, now, &history.policy);
        prop_assert!(again.is_err() || again.is_ok_and(|again| again.events.is_empty()));
    }

    #[test]
    fn nobody_is_ended_softly_who_has_written_since(history in history::<Session>()) {
        let mut planned = false;
        let mut log = Log::<Session>::new(history.policy);
        let mut ended_as_planned = 0;
        log.execute_all(&history.commands, |log, issued| {
            let newest = log.commits.last().filter(|commit| commit.id == issued.id).map(|commit| commit.events.as_slice());
            for event in newest.unwrap_or_default() {
                match event {
                    Event::EndPlanned { .. } => planned = true,
                    event if !matches!(event, Event::Rated { .. } | Event::Reported { .. }) && is_word_of_person(event) => {
                        prop_assert!(!planned, "a word that called nothing off");
                    }
                    Event::EndCalledOff { .. } => {
                        prop_assert!(planned, "called off without a plan");
                        planned = false;
                    }
                    Event::Ended { .. } => {
                        let is_planned = matches!(issued.command, Command::EndAsPlanned);
                        prop_assert!(!is_planned || planned, "ended as nobody had planned");
                        ended_as_planned += u32::from(is_planned);
                    }
                    _ => {}
                }
            }
            Ok(())
        })?;
        prop_assert!(ended_as_planned <= 1);
    }
}
