//! What strangers do to a link is told to its agent, once a day each.

use super::*;
use crate::abuse::Reason;
use crate::spec::just_before;

const DAY: i64 = 24 * 60;

/// A link that is open for two days.
fn lasting() -> At<Event> {
    opened_with(|settings| settings.expires_at = minutes(2 * DAY))
}

fn notice(reason: Reason) -> At<Command> {
    Command::NoticeAbuse { reason }.into()
}

fn noticed(reason: Reason) -> At<Event> {
    Event::AbuseNoticed { reason }.into()
}

#[test]
fn what_is_noticed_is_told_once_a_day() {
    let reason = Reason::PasscodeGuesses;
    given([lasting()]).when(notice(reason)).then([noticed(reason)]);
    given([lasting(), noticed(reason)]).when(notice(reason)).does_nothing();
    given([lasting(), noticed(reason)]).when(notice(reason).at(just_before(minutes(DAY)))).does_nothing();
    given([lasting(), noticed(reason)]).when(notice(reason).at(minutes(DAY))).then([noticed(reason)]);
}

#[test]
fn of_a_link_that_nobody_can_open_nothing_is_told() {
    let reason = Reason::PasscodeGuesses;
    given([lasting(), revoked()]).when(notice(reason)).does_nothing();
    given([lasting()]).when(notice(reason).at(minutes(2 * DAY))).does_nothing();
}
