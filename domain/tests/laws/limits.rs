//! Every limit holds at every moment of any history.

use std::collections::BTreeMap;

use domain::agent::Agent;
use domain::link::{self, Link};
use domain::session::{self, Author, Session};
use domain::{Millis, Timestamp};
use proptest::prelude::*;

use crate::log::Log;
use crate::subject::{histories, history};

type Verdict = Result<(), TestCaseError>;

/// Counts how many of `moments`, in their order, fall into the busiest minute.
fn busiest_minute(moments: &[Timestamp]) -> usize {
    moments.iter().map(|end| moments.iter().filter(|at| **at <= *end && **at + Millis::MINUTE > *end).count()).max().unwrap_or(0)
}

/// What a link's latest events added.
fn newest<A: domain::Aggregate>(log: &Log<A>, id: domain::CommandId) -> &[A::Event] {
    log.commits.last().filter(|commit| commit.id == id).map_or(&[], |commit| &commit.events)
}

/// A place reserved anew by who holds it is none beyond the limits.
fn admission_is_within_the_limits(link: &Link, before: &Link, returning: bool, renewed: bool, now: Timestamp) -> Verdict {
    let settings = before.settings.as_ref().expect("only an open link admits");
    prop_assert!(now < settings.expires_at, "admitted after its time");
    prop_assert!(renewed || link.admissions.len() <= settings.max_sessions_at_once as usize, "too many at once");
    if !returning {
        prop_assert!(settings.max_sessions_total.is_none_or(|limit| link.admitted <= limit), "too many in all");
        prop_assert_eq!(before.status, link::Status::Active);
    }
    let sent_away = before.revocation.as_ref().is_some_and(|revocation| revocation.end_sessions);
    prop_assert!(!sent_away, "admitted to a link that ended its sessions");
    Ok(())
}

/// Something that a session's words consist of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Word {
    MessageOrQuestion(Author),
    Answer,
    Verdict,
}

/// Tells what an event adds to a session's words.
fn word(event: &session::Event) -> Option<Word> {
    match event {
        session::Event::MessagePosted { from, .. } | session::Event::QuestionAsked { from, .. } => {
            Some(Word::MessageOrQuestion(*from))
        }
        session::Event::QuestionAnswered { .. } => Some(Word::Answer),
        session::Event::DecisionMade { verdict, .. } => (*verdict != session::Verdict::TimedOut).then_some(Word::Verdict),
        session::Event::Started { .. }
        | session::Event::MarkedRead { .. }
        | session::Event::WentIdle
        | session::Event::Resumed
        | session::Event::Rescheduled { .. }
        | session::Event::Rated { .. }
        | session::Event::HandoffOffered { .. }
        | session::Event::HandoffMissed
        | session::Event::DeviceAdded { .. }
        | session::Event::DeviceForgotten { .. }
        | session::Event::BudgetReached { .. }
        | session::Event::BudgetSet { .. }
        | session::Event::Reported { .. }
        | session::Event::QuestionClosed { .. }
        | session::Event::EndPlanned { .. }
        | session::Event::EndCalledOff { .. }
        | session::Event::Flooded { .. }
        | session::Event::AbuseNoticed { .. }
        | session::Event::Ended { .. }
        | session::Event::Erased => None,
    }
}

/// Returns when a session's words were added, as far as they were `chosen`.
fn words(log: &Log<Session>, chosen: impl Fn(Word) -> bool) -> Vec<Timestamp> {
    log.events().filter(|(event, _)| word(event).is_some_and(&chosen)).map(|(_, at)| at).collect()
}

/// Counts a session's events by name.
fn counted(log: &Log<Session>) -> BTreeMap<&'static str, usize> {
    log.events().fold(BTreeMap::new(), |mut counts, (event, _)| {
        *counts.entry(event.wire_name()).or_default() += 1;
        counts
    })
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn an_agent_never_holds_more_keys_than_it_may(history in history::<Agent>()) {
        let limit = history.policy.agent_keys;
        Log::<Agent>::new(history.policy).execute_all(&history.commands, |log, _| {
            prop_assert!(log.root.state.keys.values().filter(|key| key.is_valid(log.root.at)).count() <= limit);
            prop_assert!(Some(log.root.memory.len()) <= <Agent as domain::Aggregate>::REMEMBERS);
            Ok(())
        })?;
    }

    #[test]
    fn a_link_admits_nobody_beyond_its_limits(history in history::<Link>()) {
        let starts = history.policy.starts_per_minute;
        let mut before = Link::default();
        let mut admissions = vec![];
        Log::<Link>::new(history.policy).execute_all(&history.commands, |log, issued| {
            for event in newest(log, issued.id) {
                if let link::Event::Admitted { session, returning, .. } = event {
                    let renewed = before.admissions.contains_key(session);
                    admission_is_within_the_limits(&log.root.state, &before, *returning, renewed, log.root.at)?;
                    admissions.extend((!renewed).then_some(log.root.at));
                }
            }
            prop_assert!(Some(log.root.memory.len()) <= <Link as domain::Aggregate>::REMEMBERS);
            before = log.root.state.clone();
            Ok(())
        })?;
        prop_assert!(busiest_minute(&admissions) <= starts);
    }

    #[test]
    fn a_links_places_are_those_admitted_and_not_released(history in history::<Link>()) {
        Log::<Link>::new(history.policy).execute_all(&history.commands, |log, _| {
            let (mut places, mut counted) = (BTreeMap::new(), 0_u32);
            for (event, _) in log.events() {
                match event {
                    link::Event::Admitted { session, returning, .. } => {
                        let held = places.insert(*session, *returning).is_some();
                        prop_assert!(!held || *returning, "a place taken twice");
                        counted += u32::from(!returning);
                    }
                    link::Event::Released { session, unused, .. } => {
                        let returning = places.remove(session);
                        prop_assert!(returning.is_some(), "a place given back twice");
                        counted -= u32::from(*unused && returning == Some(false));
                    }
                    link::Event::Opened { .. } | link::Event::Updated { .. } | link::Event::Paused | link::Event::Resumed
                    | link::Event::TokenRotated { .. } | link::Event::Revoked { .. } | link::Event::Expiring { .. } | link::Event::Expired
                    | link::Event::Erased | link::Event::WebhookSet { .. } | link::Event::BudgetDrawn { .. } | link::Event::BudgetReached { .. }
                    | link::Event::Blocked { .. } | link::Event::AbuseNoticed { .. } => {}
                }
            }
            prop_assert_eq!(log.root.state.admissions.keys().copied().collect::<Vec<_>>(), places.into_keys().collect::<Vec<_>>());
            prop_assert_eq!(log.root.state.admitted, counted);
            Ok(())
        })?;
    }

    #[test]
    fn an_ended_link_only_gives_back_and_goes(history in history::<Link>()) {
        let mut before = link::Status::Unknown;
        Log::<Link>::new(history.policy).execute_all(&history.commands, |log, issued| {
            let ended = matches!(before, link::Status::Expired | link::Status::Erased);
            for event in newest(log, issued.id) {
                // A webhook may be set or taken away until the words are gone: endings and erasures are still told.
                // So may sessions that are still open spend, and be shut out.
                let goes = matches!(
                    event,
                    link::Event::Released { .. }
                        | link::Event::WebhookSet { .. }
                        | link::Event::Erased
                        | link::Event::BudgetDrawn { .. }
                        | link::Event::BudgetReached { .. }
                        | link::Event::Blocked { .. }
                );
                let allowed = goes && before != link::Status::Erased;
                prop_assert!(!ended || allowed, "{event:?} on a link that is {before:?}");
            }
            before = log.root.state.status;
            Ok(())
        })?;
    }

    #[test]
    fn a_session_holds_no_more_words_than_it_may(history in history::<Session>()) {
        let policy = history.policy.clone();
        let mut log = Log::<Session>::new(history.policy);
        log.execute_all(&history.commands, |log, _| {
            let Some(settings) = &log.root.state.settings else { return Ok(()) };
            let session = &log.root.state;
            prop_assert!(session.chatter_messages <= settings.max_messages);
            prop_assert_eq!(session.messages_left(), settings.max_messages - session.chatter_messages);
            prop_assert!(session.agent_messages <= policy.agent_messages);
            prop_assert!(session.questions.values().all(|question| question.answers <= policy.answers_per_question));
            let open = session.questions.values().filter(|question| question.closed.is_none() && !question.is_complete()).count();
            prop_assert!(open <= policy.open_questions);
            let answers: u32 = session.questions.values().map(|question| question.answers).sum();
            let entries = session.chatter_messages + session.agent_messages + answers;
            prop_assert!(session.read.values().all(|mark| mark.moves <= entries + 2));
            prop_assert!(session.recent_chatter.len() <= settings.messages_per_minute as usize);
            Ok(())
        })?;
    }

    #[test]
    fn nobody_speaks_faster_than_allowed(history in history::<Session>()) {
        let agents = history.policy.agent_messages_per_minute as usize;
        let mut log = Log::<Session>::new(history.policy);
        log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(()))?;
        let chatter = words(&log, |word| word == Word::MessageOrQuestion(Author::Chatter));
        let agent = words(&log, |word| matches!(word, Word::MessageOrQuestion(Author::Agent(_))));
        if let Some(settings) = &log.root.state.settings {
            prop_assert!(busiest_minute(&chatter) <= settings.messages_per_minute as usize);
        }
        prop_assert!(busiest_minute(&agent) <= agents);
    }

    #[test]
    fn a_session_is_on_no_more_devices_than_it_may_be(history in history::<Session>()) {
        let policy = history.policy.clone();
        let mut log = Log::<Session>::new(history.policy);
        log.execute_all(&history.commands, |log, _| {
            let session = &log.root.state;
            prop_assert!(session.devices.len() <= policy.devices as usize && session.handoffs <= policy.handoffs);
            prop_assert!(session.devices.len() <= session.handoffs as usize, "a device came in twice by one code");
            prop_assert!(session.forgotten.len() <= session.devices.len() + 1);
            prop_assert!(session.handoff.is_none_or(|offered| offered.misses <= policy.handoff_tries));
            Ok(())
        })?;
        let counts = counted(&log);
        let of = |name: &str| counts.get(name).copied().unwrap_or(0);
        prop_assert!(of("session.handoff_missed") <= of("session.handoff_offered") * policy.handoff_tries as usize);
    }

    #[test]
    fn an_ended_session_takes_no_words_ever(history in history::<Session>()) {
        let mut over = None;
        Log::<Session>::new(history.policy).execute_all(&history.commands, |log, issued| {
            let said = words(log, |_| true).len();
            prop_assert!(over.is_none_or(|over| over == said), "{issued:?} added words after the end");
            over = matches!(log.root.state.status, session::Status::Ended | session::Status::Erased).then_some(said);
            Ok(())
        })?;
    }

    #[test]
    fn no_words_fall_outside_a_sessions_time(history in history::<Session>()) {
        let mut before = Session::default();
        let mut said = 0;
        Log::<Session>::new(history.policy).execute_all(&history.commands, |log, _| {
            let words = words(log, |_| true);
            if words.len() > said && let Some(settings) = &before.settings {
                prop_assert!(log.root.at < settings.expires_at);
            }
            said = words.len();
            before = log.root.state.clone();
            Ok(())
        })?;
    }

    #[test]
    fn a_session_starts_ends_is_rated_and_erased_at_most_once_and_in_order(history in history::<Session>()) {
        let mut log = Log::<Session>::new(history.policy);
        log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(()))?;
        let counts = counted(&log);
        for once in ["session.started", "session.ended", "session.erased", "session.rated"] {
            prop_assert!(counts.get(once).copied().unwrap_or(0) <= 1, "{once} twice");
        }
        let order: Vec<_> = log.events().map(|(event, _)| event.wire_name()).collect();
        let place = |name: &str| order.iter().position(|known| *known == name);
        if !order.is_empty() {
            prop_assert_eq!(place("session.started"), Some(0));
        }
        if let Some(erased) = place("session.erased") {
            prop_assert!(place("session.ended").is_some_and(|ended| ended < erased));
            prop_assert_eq!(erased, order.len() - 1, "something happened after the erasure");
        }
    }

    #[test]
    fn an_idle_chatter_is_silent_until_back(history in history::<Session>()) {
        let mut idle = false;
        let mut log = Log::<Session>::new(history.policy);
        log.execute_all(&history.commands, |_, _| Ok::<_, TestCaseError>(()))?;
        for (event, _) in log.events() {
            match (event, word(event)) {
                (session::Event::WentIdle | session::Event::Resumed, _) => {
                    idle = !idle;
                    prop_assert_eq!(*event == session::Event::WentIdle, idle);
                }
                (_, Some(Word::Answer | Word::Verdict | Word::MessageOrQuestion(Author::Chatter))) => prop_assert!(!idle),
                (_, Some(Word::MessageOrQuestion(Author::Agent(_) | Author::System)) | None) => {}
            }
        }
    }

    #[test]
    fn a_sessions_memory_is_bounded_by_its_limits(history in history::<Session>()) {
        let policy = history.policy.clone();
        Log::<Session>::new(history.policy).execute_all(&history.commands, |log, _| {
            let session = &log.root.state;
            let said = session.settings.as_ref().map_or(0, |settings| settings.max_messages as usize) + policy.agent_messages as usize;
            let answered = session.questions.len() * policy.answers_per_question as usize;
            let system = words(log, |word| word == Word::MessageOrQuestion(Author::System)).len();
            // Beside the words: the start, the rating, and the codes that were brought, right or wrong.
            let codes = policy.handoffs as usize * (policy.handoff_tries as usize + 1);
            let planned = policy.planned_ends as usize;
            prop_assert!(log.root.memory.len() <= said + answered + system + 2 + codes + planned);
            Ok(())
        })?;
    }
}
