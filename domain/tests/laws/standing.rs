//! What is shown of how a link or session stands is what its decisions hold to.

use domain::link::{self, Entry, Link, Passcode};
use domain::session::{self, Session};
use domain::{Aggregate, Millis, SessionId};
use proptest::prelude::*;

use crate::log::Log;
use crate::subject::{histories, history};

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn a_link_shows_itself_open_to_whom_it_lets_in(history in history::<Link>(), later in 0_i64..1_000) {
        let policy = history.policy.clone();
        Log::<Link>::new(history.policy).execute_all(&history.commands, |log, _| {
            let (link, now) = (&log.root.state, log.root.at + Millis::minutes(later));
            let admit = link::Command::Admit {
                session: SessionId::new([255; 16]),
                returning: false,
                start_before: now + Millis::MINUTE,
                passcode: Passcode::Right,
                recipient: None,
                client: None,
            };
            let decided = Aggregate::decide(link, &admit, now, &policy);
            let agrees = match (link.entry(None, now), &decided) {
                (Entry::Open, decided) => {
                    // How fast, and how much of a day is left, no page shows beforehand.
                    matches!(decided, Ok(_) | Err(link::Rejection::TooManyStarts { .. } | link::Rejection::BudgetReached(_)))
                }
                (Entry::Full, decided) => matches!(decided, Err(link::Rejection::Full { .. })),
                (Entry::UsedUp, decided) => matches!(decided, Err(link::Rejection::UsedUp { .. })),
                (Entry::Paused, decided) => matches!(decided, Err(link::Rejection::Paused)),
                (Entry::Revoked, decided) => matches!(decided, Err(link::Rejection::Revoked)),
                (Entry::Expired, decided) => {
                    matches!(decided, Err(link::Rejection::Expired | link::Rejection::Erased | link::Rejection::Unknown))
                }
            };
            prop_assert!(agrees, "{:?}, but {decided:?}", link.entry(None, now));
            Ok(())
        })?;
    }

    #[test]
    fn a_session_is_erased_when_it_shows_that_it_will_be(history in history::<Session>(), later in 0_i64..1_000) {
        let policy = history.policy.clone();
        Log::<Session>::new(history.policy).execute_all(&history.commands, |log, _| {
            let (session, now) = (&log.root.state, log.root.at + Millis::minutes(later));
            let standing = session.standing(now);
            prop_assert_eq!(standing.is_none(), session.status == session::Status::Unknown);
            if let (session::Status::Ended, Some(standing)) = (session.status, standing) {
                let decided = Aggregate::decide(session, &session::Command::Erase { requested: false }, now, &policy);
                prop_assert_eq!(decided.is_ok(), now >= standing.erase_at);
            }
            Ok(())
        })?;
    }
}
