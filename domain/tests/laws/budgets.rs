//! No history overspends a budget by more than what it was spent with last.

use domain::budget::{Amounts, Budget, Limits, Measure, Tally};
use domain::link::{self, Link};
use domain::session::{self, Author, Rejection, Session};
use domain::{Aggregate, KeyId, LinkId, Millis, Policy, Root, SessionId, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::log::Log;
use crate::subject::{histories, history, limits, sealed};

/// What one command of a session has spent that budgets hold for.
fn spent_between(before: &Session, after: &Session) -> Amounts {
    after.spent.all.minus(before.spent.all)
}

fn is_spending(command: &session::Command) -> bool {
    match command {
        session::Command::IfRead { command, .. } => is_spending(command),
        other => matches!(
            other,
            session::Command::Post { .. }
                | session::Command::Ask { .. }
                | session::Command::Answer { .. }
                | session::Command::Decide { .. }
                | session::Command::Spend { .. }
        ),
    }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn a_session_spends_nothing_of_what_is_used_up(history in history::<Session>()) {
        let policy = history.policy.clone();
        let mut before = Session::default();
        Log::<Session>::new(history.policy).execute_all(&history.commands, |log, issued| {
            let after = &log.root.state;
            let spent = spent_between(&before, after);
            if let (Some(settings), true) = (&before.settings, is_spending(&issued.command)) {
                for what in Measure::ALL.into_iter().filter(|what| spent.get(*what) > 0) {
                    let used = before.spent.all.get(what);
                    prop_assert!(settings.budget.get(what).is_none_or(|limit| used < limit), "{what:?}: {used} of {:?}", settings.budget);
                }
                let today = before.spent.on(log.root.at).bytes;
                prop_assert!(spent.is_empty() || today < policy.session_bytes_a_day, "{today} bytes");
            }
            if let (session::Command::Spend { granted, .. }, false) = (&issued.command, spent.is_empty()) {
                let now = log.root.at;
                for what in Measure::ALL.into_iter().filter(|what| spent.get(*what) > 0) {
                    prop_assert!(after.spent.all.get(what) <= granted.all.get(what), "{what:?} in all");
                    prop_assert!(after.spent.on(now).get(what) <= granted.on(now).get(what), "{what:?} today");
                }
            }
            before = after.clone();
            Ok(())
        })?;
    }

    #[test]
    fn a_link_grants_nothing_of_what_is_used_up(history in history::<Link>()) {
        let policy = history.policy.clone();
        let mut before = Link::default();
        Log::<Link>::new(history.policy).execute_all(&history.commands, |log, issued| {
            let (after, now) = (&log.root.state, log.root.at);
            let is_granting = matches!(issued.command, link::Command::Draw { .. } | link::Command::Admit { .. });
            if let (Some(settings), true) = (&before.settings, is_granting) {
                let drawn = after.spent.all.minus(before.spent.all);
                for what in Measure::ALL.into_iter().filter(|what| drawn.get(*what) > 0) {
                    let (in_all, today) = (before.spent.all.get(what), before.spent.on(now).get(what));
                    prop_assert!(settings.budget.link.get(what).is_none_or(|limit| in_all < limit), "{what:?}: {in_all} in all");
                    prop_assert!(settings.budget.day.get(what).is_none_or(|limit| today < limit), "{what:?}: {today} today");
                    prop_assert!(what != Measure::Bytes || today < policy.link_bytes_a_day, "{today} bytes");
                }
            }
            prop_assert!(after.blocked.len() <= 1_000 && after.blocked_networks.len() <= 1_000);
            before = after.clone();
            Ok(())
        })?;
    }
}

/// Sessions of one link, each written by a process that knows of the link only what it last read.
struct World {
    policy: Policy,
    link: Root<Link>,
    sessions: Vec<(Root<Session>, Tally)>,
}

const SESSIONS: u8 = 3;

fn session_id(n: usize) -> SessionId {
    SessionId::new([u8::try_from(n).expect("few sessions"); 16])
}

impl World {
    fn new(budget: Budget) -> Self {
        let policy = Policy { starts_per_minute: 100, agent_messages_per_minute: 10_000, ..Policy::default() };
        let title = domain::Sealed { characters: 1, ..domain::Sealed::blank() };
        let end = Timestamp(0) + Millis::minutes(40_000);
        let settings = link::Settings { budget, max_sessions_at_once: 50, ..link::Settings::usual(title, end, &policy) };
        let mut world = Self { policy, link: Root::default(), sessions: vec![] };
        world.tell_link(&link::Command::Open(Box::new(settings)), Timestamp(0)).expect("an ordinary link");
        for n in 0..usize::from(SESSIONS) {
            let start = session::Start {
                link: LinkId::new([9; 16]),
                settings: session::Settings {
                    expires_at: end,
                    max_messages: 1_000,
                    messages_per_minute: 100_000,
                    idle_timeout: Millis::minutes(40_000),
                    keep_after_end: Millis::minutes(1),
                    budget: budget.session,
                },
                start_before: end,
                display_name: None,
                language: None,
                welcome: None,
                question: None,
                recipient: None,
                origin: None,
            };
            let admit = link::Command::Admit {
                session: session_id(n),
                returning: false,
                start_before: end,
                passcode: link::Passcode::Missing,
                recipient: None,
                client: None,
            };
            world.tell_link(&admit, Timestamp(0)).expect("there is a place");
            let decided =
                Root::<Session>::default().decide(&session::Command::Start(Box::new(start)), Timestamp(0), &world.policy);
            world.sessions.push((decided.expect("it may start").root, Tally::default()));
        }
        world
    }

    fn tell_link(&mut self, command: &link::Command, at: Timestamp) -> Result<(), link::Rejection> {
        self.link = self.link.decide(command, at, &self.policy)?.root;
        Ok(())
    }

    /// Says something as `command-service` does; where `is_stale`, by what was last read of the link.
    fn say(&mut self, n: usize, command: &session::Command, is_stale: bool, at: Timestamp) {
        let Self { policy, link, sessions } = self;
        let Some((root, granted)) = sessions.get_mut(n) else { return };
        if !is_stale {
            *granted = link.state.granted(session_id(n), at, policy);
        }
        for _ in 0..2 {
            let spend = session::Command::Spend { granted: *granted, command: Box::new(command.clone()) };
            match root.decide(&spend, at, policy) {
                Ok(decision) => {
                    *root = decision.root;
                    return;
                }
                Err(Rejection::NeedsGrant { spent, cost }) => {
                    let draw = link::Command::Draw { session: session_id(n), spent, cost };
                    let Ok(drawn) = link.decide(&draw, at, policy) else { return };
                    *link = drawn.root;
                    *granted = link.state.granted(session_id(n), at, policy);
                }
                Err(_) => return,
            }
        }
    }
}

/// Who says what, in which session, how long after the word before, and whether the process has read the link anew.
type Word = (usize, bool, domain::Sealed, i64, bool);

fn words() -> impl Strategy<Value = Vec<Word>> {
    let minutes = prop_oneof![9 => Just(0_i64), 1 => 1_i64..900];
    let text = sealed().prop_map(|text| domain::Sealed { characters: text.characters % 200 + 1, ..text });
    vec((0..usize::from(SESSIONS), any::<bool>(), text, minutes, any::<bool>()), 0..80)
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn many_sessions_together_stay_within_their_links_budgets(
        (session, link, day) in (limits(), limits(), limits()),
        words in words(),
    ) {
        let budget = Budget { session, link, day };
        let mut world = World::new(budget);
        let (mut at, mut today, mut newest) = (Timestamp(0), Amounts::default(), 0);
        for (n, by_chatter, text, minutes, is_stale) in words {
            at = at + Millis::minutes(minutes);
            if domain::budget::day(at) != newest {
                (newest, today) = (domain::budget::day(at), Amounts::default());
            }
            let from = if by_chatter { Author::Chatter } else { Author::Agent(KeyId::new([1; 16])) };
            let before = world.sessions[n].0.state.clone();
            world.say(n, &session::Command::Post { from, text, kind: None, client_message_id: None, signs: None, is_paid: false }, is_stale, at);
            today = today.plus(spent_between(&before, &world.sessions[n].0.state));
            let all = world.sessions.iter().fold(Amounts::default(), |sum, (root, _)| sum.plus(root.state.spent.all));
            for (limits, used) in [(link, all), (day, today)] {
                let holds = |what: Measure, beyond: u64| limits.get(what).is_none_or(|limit| used.get(what) <= limit + beyond);
                prop_assert!(holds(Measure::Messages, 0) && holds(Measure::Turns, 0), "{used:?} of {limits:?}");
                // The last message of each session may go beyond.
                prop_assert!(holds(Measure::Characters, 200 * u64::from(SESSIONS)), "{used:?} of {limits:?}");
            }
        }
    }
}

#[test]
fn what_is_unlimited_is_granted_without_end() {
    let link = World::new(Budget { link: Limits { messages: Some(1), ..Limits::default() }, ..Budget::default() }).link.state;
    let granted = link.granted(session_id(7), Timestamp(0), &Policy::default());
    assert_eq!((granted.all.messages, granted.all.turns, granted.today.messages), (0, u64::MAX, u64::MAX));
    assert_eq!(granted.today.bytes, 0);
    assert!(!Link::could_change(&link::Rejection::Blocked));
}
