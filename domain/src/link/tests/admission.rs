//! Who may come in: places, passcode, counts and rates.

use super::*;
use crate::spec::just_before;

fn one_place() -> At<Event> {
    opened_with(|settings| settings.max_sessions_at_once = 1)
}

fn one_session() -> At<Event> {
    opened_with(|settings| settings.max_sessions_total = Some(1))
}

fn locked() -> At<Event> {
    opened_with(|settings| settings.passcode = Some(text(4)))
}

#[test]
fn a_place_is_reserved_for_a_newcomer() {
    given([opened()]).when(admit(1)).then([admitted(1)]);
}

#[test]
fn a_session_that_has_its_place_is_already_in() {
    given([one_place(), admitted(1)]).when(admit(1)).does_nothing();
    given([one_place(), admitted(1), paused()]).when(admit(1)).does_nothing();
}

#[test]
fn a_reservation_is_no_way_around_the_passcode() {
    given([locked(), admitted(1)]).when(admit_with(1, Passcode::Right)).does_nothing();
    given([locked(), admitted(1)]).when(admit_with(1, Passcode::Wrong)).rejects(Rejection::PasscodeWrong);
    given([locked(), admitted(1)]).when(admit_with(1, Passcode::Missing)).rejects(Rejection::PasscodeRequired);
}

#[test]
fn who_comes_back_to_a_place_of_theirs_needs_no_passcode() {
    given([locked(), admitted(1)]).when(readmit(1)).does_nothing();
}

#[test]
fn who_comes_back_before_the_place_was_given_back_reserves_it_anew() {
    given([one_place(), admitted(1)]).when(readmit_before(1, seconds(90))).then([readmitted_before(1, seconds(90))]);
    given([one_place(), admitted(1)]).when(readmit(1)).does_nothing();
    given([one_place(), admitted(1), revoked()]).when(readmit_before(1, seconds(90))).rejects(Rejection::Revoked);
    given([one_place(), admitted(1)]).when(readmit_before(1, minutes(90)).at(minutes(60))).rejects(Rejection::Expired);
}

#[test]
fn a_place_reserved_anew_is_no_start() {
    let link = given([opened(), admitted(1).at(seconds(1)), readmitted_before(1, seconds(90)).at(seconds(2))]).state;
    assert_eq!((link.admitted, link.recent.len()), (1, 1));
}

#[test]
fn a_full_link_admits_nobody() {
    given([one_place(), admitted(1)]).when(admit(2)).rejects(Rejection::Full { limit: 1 });
    given([one_place(), admitted(1)]).when(readmit(2)).rejects(Rejection::Full { limit: 1 });
}

#[test]
fn the_last_place_is_given_too() {
    given([opened(), admitted(1)]).when(admit(2)).then([admitted(2)]);
}

#[test]
fn a_place_given_back_is_free() {
    given([one_place(), admitted(1), released(1)]).when(admit(2)).then([admitted(2)]);
}

#[test]
fn fewer_places_put_nobody_out_but_let_nobody_in() {
    let narrowed = updated_with(|settings| settings.max_sessions_at_once = 1);
    given([opened(), admitted(1), admitted(2), narrowed.clone()]).when(admit(3)).rejects(Rejection::Full { limit: 1 });
    given([opened(), admitted(1), admitted(2), narrowed]).when(admit(2)).does_nothing();
}

#[test]
fn a_used_up_link_admits_no_newcomer() {
    given([one_session(), admitted(1)]).when(admit(2)).rejects(Rejection::UsedUp { limit: 1 });
    given([one_session(), admitted(1), released(1)]).when(admit(2)).rejects(Rejection::UsedUp { limit: 1 });
}

#[test]
fn a_returning_session_was_counted_before() {
    given([one_session(), admitted(1), released(1)]).when(readmit(1)).then([readmitted(1)]);
    let twice = opened_with(|settings| settings.max_sessions_total = Some(2));
    given([twice, admitted(1), released(1), readmitted(1)]).when(admit(2)).then([admitted(2)]);
}

#[test]
fn a_session_that_never_started_is_not_counted() {
    given([one_session(), admitted(1), given_back_unused(1)]).when(admit(1)).then([admitted(1)]);
}

#[test]
fn a_session_that_never_came_back_stays_counted() {
    given([one_session(), admitted(1), released(1), readmitted(1), given_back_unused(1)])
        .when(admit(2))
        .rejects(Rejection::UsedUp { limit: 1 });
}

#[test]
fn a_higher_total_lets_newcomers_in_again() {
    given([one_session(), admitted(1), updated_with(|settings| settings.max_sessions_total = Some(2))])
        .when(admit(2))
        .then([admitted(2)]);
}

#[test]
fn a_link_with_a_passcode_asks_for_it() {
    given([locked()]).when(admit_with(1, Passcode::Missing)).rejects(Rejection::PasscodeRequired);
    given([locked()]).when(admit_with(1, Passcode::Wrong)).rejects(Rejection::PasscodeWrong);
    given([locked()]).when(admit_with(1, Passcode::Right)).then([admitted(1)]);
}

#[test]
fn a_wrong_passcode_is_told_before_anything_that_depends_on_others() {
    let full = opened_with(|settings| {
        settings.passcode = Some(text(4));
        settings.max_sessions_at_once = 1;
        settings.max_sessions_total = Some(1);
    });
    given([full.clone(), admitted(1)]).when(admit_with(2, Passcode::Wrong)).rejects(Rejection::PasscodeWrong);
    given([full, admitted(1)]).when(admit_with(2, Passcode::Right)).rejects(Rejection::UsedUp { limit: 1 });
}

#[test]
fn who_comes_back_needs_no_passcode() {
    given([locked(), admitted(1), released(1)]).when(readmit(1)).then([readmitted(1)]);
}

#[test]
fn a_paused_link_admits_no_newcomer() {
    given([opened(), paused()]).when(admit(1)).rejects(Rejection::Paused);
}

#[test]
fn a_paused_link_takes_back_who_was_in() {
    given([opened(), admitted(1), released(1), paused()]).when(readmit(1)).then([readmitted(1)]);
}

#[test]
fn a_link_whose_time_is_up_admits_nobody_though_no_timer_has_said_so() {
    given([opened()]).when(admit(1).at(just_before(minutes(60)))).then([admitted(1)]);
    given([opened()]).when(admit(1).at(minutes(60))).rejects(Rejection::Expired);
    given([opened()]).when(readmit(1).at(minutes(60))).rejects(Rejection::Expired);
}

#[test]
fn an_expired_link_admits_nobody() {
    given([opened(), expired().at(minutes(60))]).when(admit(1)).rejects(Rejection::Expired);
    given([opened(), expired().at(minutes(60))]).when(readmit(1)).rejects(Rejection::Expired);
}

#[test]
fn a_revoked_link_admits_no_newcomer() {
    given([opened(), closed()]).when(admit(1)).rejects(Rejection::Revoked);
    given([opened(), revoked()]).when(admit(1)).rejects(Rejection::Revoked);
}

#[test]
fn a_link_closed_to_newcomers_takes_back_who_was_in_until_its_time_is_up() {
    given([opened(), admitted(1), released(1), closed()]).when(readmit(1).at(just_before(minutes(60)))).then([readmitted(1)]);
    given([opened(), admitted(1), released(1), closed()]).when(readmit(1).at(minutes(60))).rejects(Rejection::Expired);
}

#[test]
fn a_link_that_ended_its_sessions_takes_nobody_back() {
    given([opened(), admitted(1), released(1), revoked()]).when(readmit(1)).rejects(Rejection::Revoked);
    given([opened(), admitted(1), released(1), closed(), revoked()]).when(readmit(1)).rejects(Rejection::Revoked);
}

#[test]
fn an_erased_link_admits_nobody() {
    given([opened(), revoked(), erased()]).when(admit(1)).rejects(Rejection::Erased);
    given([opened(), revoked(), erased()]).when(readmit(1)).rejects(Rejection::Erased);
}

#[test]
fn only_so_many_sessions_start_within_a_minute() {
    let busy = || {
        given([opened(), admitted(1).at(seconds(1)), released(1), admitted(2).at(seconds(2)), released(2)])
            .under(|policy| policy.starts_per_minute = 2)
    };
    busy().when(admit(3)).rejects(Rejection::TooManyStarts { retry_at: seconds(61) });
    busy().when(readmit(1)).rejects(Rejection::TooManyStarts { retry_at: seconds(61) });
    busy().when(admit(3).at(just_before(seconds(61)))).rejects(Rejection::TooManyStarts { retry_at: seconds(61) });
    busy().when(admit(3).at(seconds(61))).then([admitted(3)]);
}

#[test]
fn a_narrowed_rate_tells_when_there_is_room_under_it() {
    given([opened(), admitted(1).at(seconds(1)), released(1), admitted(2).at(seconds(2)), released(2)])
        .under(|policy| policy.starts_per_minute = 1)
        .when(admit(3))
        .rejects(Rejection::TooManyStarts { retry_at: seconds(62) });
}

#[test]
fn starts_older_than_a_minute_are_forgotten() {
    let link = given([opened(), admitted(1), released(1), admitted(2).at(seconds(60))]).state;
    assert_eq!(link.recent.iter().copied().collect::<Vec<_>>(), [seconds(60)]);
}

#[test]
fn a_place_is_given_back_when_its_session_leaves() {
    given([opened(), admitted(1)]).when(release(1, Release::Left)).then([released(1)]);
}

#[test]
fn a_place_given_back_twice_is_already_so() {
    given([opened(), admitted(1), released(1)]).when(release(1, Release::Left)).does_nothing();
    given([opened()]).when(release(1, Release::Unused)).does_nothing();
}

#[test]
fn an_unused_place_is_given_back_once_its_session_cannot_start_any_more() {
    given([opened(), admitted(1)]).when(release(1, Release::Unused).at(just_before(seconds(60)))).rejects(not_due(seconds(60)));
    given([opened(), admitted(1)]).when(release(1, Release::Unused).at(seconds(60))).then([given_back_unused(1)]);
}

#[test]
fn a_silent_session_gives_its_place_back_and_stays_counted() {
    given([opened(), admitted(1)]).when(release(1, Release::Idle).at(seconds(60))).then([released(1)]);
    given([one_session(), admitted(1), released(1)]).when(admit(2)).rejects(Rejection::UsedUp { limit: 1 });
}

#[test]
fn a_session_that_is_coming_back_keeps_the_place_it_reserved() {
    given([opened(), admitted(1), readmitted_before(1, minutes(31)).at(minutes(30))])
        .when(release(1, Release::Idle))
        .rejects(not_due(minutes(31)));
}

#[test]
fn places_are_given_back_after_the_end_too() {
    for end in [expired(), revoked(), closed()] {
        given([opened(), admitted(1), end]).when(release(1, Release::Left)).then([released(1)]);
    }
}
