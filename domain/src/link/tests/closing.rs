//! The end of a link: expiry, revocation, erasure.

use super::*;
use crate::spec::just_before;

#[test]
fn a_link_does_not_expire_early() {
    given([opened()]).when(At::from(Command::Expire).at(just_before(minutes(60)))).rejects(not_due(minutes(60)));
}

#[test]
fn a_link_expires_when_its_time_is_up() {
    given([opened()]).when(At::from(Command::Expire).at(minutes(60))).then([expired()]);
    given([opened(), paused()]).when(At::from(Command::Expire).at(minutes(60))).then([expired()]);
}

#[test]
fn a_timer_set_before_an_extension_is_told_the_new_end() {
    given([opened(), updated_with(|settings| settings.expires_at = minutes(90))])
        .when(At::from(Command::Expire).at(minutes(60)))
        .rejects(not_due(minutes(90)));
}

#[test]
fn a_link_that_has_ended_does_not_expire_again() {
    for end in [expired(), revoked(), closed(), erased()] {
        given([opened(), end.at(minutes(60))]).when(Command::Expire).does_nothing();
    }
}

#[test]
fn a_link_says_ten_minutes_before_that_its_end_is_near() {
    let warn = |at| At::from(Command::Warn).at(at);
    given([opened()]).when(warn(just_before(minutes(50)))).rejects(not_due(minutes(50)));
    given([opened()]).when(warn(minutes(50))).then([expiring(minutes(60))]);
    given([opened(), paused()]).when(warn(minutes(59))).then([expiring(minutes(60))]);
}

#[test]
fn a_near_end_is_told_once_and_never_afterwards() {
    let told = expiring(minutes(60)).at(minutes(50));
    given([opened(), told]).when(At::from(Command::Warn).at(minutes(51))).does_nothing();
    given([opened()]).when(At::from(Command::Warn).at(minutes(60))).does_nothing();
    for end in [expired(), revoked(), closed(), erased()] {
        given([opened(), end.at(minutes(55))]).when(Command::Warn).does_nothing();
    }
}

#[test]
fn a_moved_end_is_told_anew() {
    let moved = |to| updated_with(|settings| settings.expires_at = to).at(minutes(52));
    let told = || expiring(minutes(60)).at(minutes(50));
    given([opened(), told(), moved(minutes(90))]).when(At::from(Command::Warn).at(minutes(60))).rejects(not_due(minutes(80)));
    given([opened(), told(), moved(minutes(90))]).when(At::from(Command::Warn).at(minutes(80))).then([expiring(minutes(90))]);
    // A change of something else moves nothing.
    given([opened(), told(), moved(minutes(60))]).when(At::from(Command::Warn).at(minutes(53))).does_nothing();
}

#[test]
fn nobody_is_told_of_an_end_that_was_that_near_when_it_was_set() {
    let soon = opened_with(|settings| settings.expires_at = minutes(10));
    given([soon]).when(At::from(Command::Warn).at(minutes(5))).does_nothing();
    let moved = updated_with(|settings| settings.expires_at = minutes(60)).at(minutes(51));
    given([opened_with(|settings| settings.expires_at = minutes(90)), moved])
        .when(At::from(Command::Warn).at(minutes(55)))
        .does_nothing();
}

#[test]
fn a_link_is_taken_back() {
    given([opened()]).when(revoke(true)).then([revoked()]);
    given([opened(), paused()]).when(revoke(false)).then([closed()]);
}

#[test]
fn a_link_whose_time_is_up_may_still_be_taken_back() {
    given([opened()]).when(revoke(true).at(minutes(60))).then([revoked()]);
}

#[test]
fn a_link_taken_back_twice_is_already_so() {
    given([opened(), revoked()]).when(revoke(true)).does_nothing();
    given([opened(), closed()]).when(revoke(false)).does_nothing();
    given([opened(), expired()]).when(revoke(true)).does_nothing();
}

#[test]
fn a_link_closed_to_newcomers_may_still_end_its_sessions() {
    given([opened(), closed()]).when(revoke(true)).then([revoked()]);
}

#[test]
fn sessions_that_were_told_to_end_are_not_called_back() {
    given([opened(), revoked()]).when(revoke(false)).does_nothing();
}

#[test]
fn a_farewell_is_one_that_every_session_can_say() {
    let farewell = |characters| Event::Revoked { end_sessions: true, farewell: Some(text(characters)) };
    given([opened()]).when(revoke_saying(true, Some(text(1)))).then([farewell(1).into()]);
    given([opened()]).when(revoke_saying(true, Some(text(2_000)))).then([farewell(2_000).into()]);
    given([opened()]).when(revoke_saying(true, Some(text(0)))).rejects(out_of_range("farewell", 0, 1, 2_000));
    given([opened()]).when(revoke_saying(true, Some(text(2_001)))).rejects(out_of_range("farewell", 2_001, 1, 2_000));
}

#[test]
fn the_farewell_is_kept_for_the_sessions_and_goes_with_the_words() {
    let told = At::from(Event::Revoked { end_sessions: true, farewell: Some(text(3)) });
    let link = given([opened(), told.clone()]).state;
    assert_eq!(link.revocation.and_then(|revocation| revocation.farewell), Some(text(3)));
    let link = given([opened(), told, erased()]).state;
    assert_eq!((link.revocation, link.settings), (None, None));
}

#[test]
fn a_link_in_use_is_not_erased() {
    given([opened()]).when(At::from(Command::Erase).at(minutes(1_000))).rejects(Rejection::InUse);
    given([opened(), paused()]).when(At::from(Command::Erase).at(minutes(1_000))).rejects(Rejection::InUse);
}

#[test]
fn a_link_with_open_sessions_is_not_erased() {
    given([opened(), admitted(1), revoked()]).when(At::from(Command::Erase).at(minutes(1_000))).rejects(Rejection::InUse);
}

#[test]
fn an_expired_link_keeps_its_words_for_a_while() {
    let ended = || given([opened(), expired().at(minutes(60))]);
    ended().when(At::from(Command::Erase).at(just_before(minutes(70)))).rejects(not_due(minutes(70)));
    ended().when(At::from(Command::Erase).at(minutes(70))).then([erased()]);
}

#[test]
fn a_link_keeps_its_words_counted_from_its_last_session() {
    let ended = || given([opened(), admitted(1), revoked().at(minutes(20)), released(1).at(minutes(25))]);
    ended().when(At::from(Command::Erase).at(just_before(minutes(35)))).rejects(not_due(minutes(35)));
    ended().when(At::from(Command::Erase).at(minutes(35))).then([erased()]);
}

#[test]
fn a_link_that_kept_its_sessions_keeps_its_words_for_those_that_idle() {
    let idling = || given([opened(), admitted(1), released(1), closed().at(minutes(20))]);
    idling().when(At::from(Command::Erase).at(just_before(minutes(70)))).rejects(not_due(minutes(70)));
    idling().when(At::from(Command::Erase).at(minutes(70))).then([erased()]);
}

#[test]
fn a_link_that_nobody_used_needs_not_wait_for_anyone() {
    given([opened(), closed().at(minutes(20))]).when(At::from(Command::Erase).at(minutes(30))).then([erased()]);
}

#[test]
fn a_link_erased_twice_is_already_so() {
    given([opened(), revoked(), erased()]).when(Command::Erase).does_nothing();
}

#[test]
fn timers_find_nothing_to_do_on_an_erased_link() {
    for command in [Command::Expire.into(), release(1, Release::Left), release(1, Release::Idle), release(1, Release::Unused)] {
        given([opened(), revoked(), erased()]).when(command).does_nothing();
    }
}

#[test]
fn an_erased_link_is_not_taken_back() {
    given([opened(), revoked(), erased()]).when(revoke(true)).rejects(Rejection::Erased);
}

#[test]
fn an_open_link_does_not_know_when_its_words_go() {
    assert_eq!(given([opened()]).state.erase_at(), None);
    assert_eq!(given([]).state.erase_at(), None);
    assert_eq!(given([opened(), revoked(), erased()]).state.erase_at(), None);
    assert_eq!(given([opened(), revoked()]).state.erase_at(), Some(minutes(10)));
}
