//! The end of a session: by someone, by time, and the erasure that follows.

use super::*;
use crate::spec::just_before;

const BY_SOMEONE: [EndReason; 5] =
    [EndReason::ChatterLeft, EndReason::AgentEnded, EndReason::LinkRevoked, EndReason::Blocked, EndReason::Erased];

fn farewell(characters: u32) -> At<Event> {
    Event::MessagePosted {
        from: Author::System,
        text: text(characters),
        kind: Some(MessageKind::Farewell),
        client_message_id: None,
        signs: None,
    }
    .into()
}

fn end_saying(characters: u32) -> At<Command> {
    Command::End { reason: EndReason::AgentEnded, farewell: Some(text(characters)) }.into()
}

fn rate_saying(characters: u32) -> At<Command> {
    Command::Rate { rating: 5, feedback: Some(text(characters)) }.into()
}

#[test]
fn a_session_is_ended_whether_active_or_idle() {
    for reason in BY_SOMEONE {
        given([started()]).when(end(reason)).then([ended(reason)]);
        given([started(), went_idle()]).when(end(reason)).then([ended(reason)]);
    }
}

#[test]
fn the_first_end_stands() {
    given([started(), ended(EndReason::ChatterLeft)]).when(end(EndReason::Blocked)).does_nothing();
    given([started(), ended(EndReason::ChatterLeft)]).when(end_saying(5)).does_nothing();
    given([started(), ended(EndReason::ChatterLeft), erased()]).when(end(EndReason::Erased)).does_nothing();
}

#[test]
fn a_farewell_comes_before_the_end() {
    given([started()]).when(end_saying(5)).then([farewell(5), ended(EndReason::AgentEnded)]);
}

#[test]
fn a_farewell_has_1_to_2000_characters() {
    given([started()]).when(end_saying(2_000)).then([farewell(2_000), ended(EndReason::AgentEnded)]);
    given([started()]).when(end_saying(0)).rejects(Rejection::TextEmpty);
    given([started()]).when(end_saying(2_001)).rejects(Rejection::TextTooLong { characters: 2_001, limit: 2_000 });
}

#[test]
fn a_session_whose_time_is_up_ended_by_that_and_without_a_farewell() {
    given([started()]).when(end_saying(5).at(just_before(minutes(60)))).then([farewell(5), ended(EndReason::AgentEnded)]);
    given([started()]).when(end_saying(5).at(minutes(60))).then([ended(EndReason::LinkExpired)]);
}

#[test]
fn a_session_does_not_expire_early() {
    given([started()]).when(expire().at(just_before(minutes(60)))).rejects(not_due(minutes(60)));
}

#[test]
fn a_session_expires_when_its_time_is_up() {
    given([started()]).when(expire().at(minutes(60))).then([ended(EndReason::LinkExpired)]);
    given([started(), went_idle()]).when(expire().at(minutes(60))).then([ended(EndReason::LinkExpired)]);
}

#[test]
fn an_ended_session_does_not_expire() {
    given([started(), ended(EndReason::ChatterLeft)]).when(expire().at(minutes(60))).does_nothing();
    given([started(), ended(EndReason::ChatterLeft), erased()]).when(expire().at(minutes(60))).does_nothing();
}

#[test]
fn the_end_moves_with_the_links() {
    given([started()]).when(reschedule(minutes(90))).then([rescheduled(minutes(90))]);
    given([started(), went_idle()]).when(reschedule(minutes(40))).then([rescheduled(minutes(40))]);
    given([started(), rescheduled(minutes(90))]).when(expire().at(minutes(60))).rejects(not_due(minutes(90)));
    given([started(), rescheduled(minutes(90))]).when(say().at(minutes(60))).then([said()]);
    given([started(), rescheduled(minutes(40))]).when(say().at(minutes(40))).rejects(time_is_up());
}

#[test]
fn an_end_moved_to_where_it_is_is_already_so() {
    given([started()]).when(reschedule(minutes(60))).does_nothing();
}

#[test]
fn an_extension_that_comes_late_still_counts_while_nobody_has_noted_the_end() {
    given([started()]).when(reschedule(minutes(90)).at(minutes(61))).then([rescheduled(minutes(90))]);
}

#[test]
fn an_ended_session_is_not_extended() {
    given([started(), ended(EndReason::LinkExpired)]).when(reschedule(minutes(90))).does_nothing();
    given([started(), ended(EndReason::LinkExpired), erased()]).when(reschedule(minutes(90))).does_nothing();
}

#[test]
fn a_chatter_rates_during_the_chat_and_after_any_end() {
    given([started()]).when(rate(5)).then([rated(5)]);
    given([started(), went_idle()]).when(rate(5)).then([rated(5)]);
    given([started()]).when(rate(5).at(minutes(60))).then([rated(5)]);
    for reason in BY_SOMEONE {
        given([started(), ended(reason)]).when(rate(5)).then([rated(5)]);
    }
}

#[test]
fn a_chatter_rates_once() {
    given([started(), rated(1), ended(EndReason::ChatterLeft)]).when(rate(5)).rejects(Rejection::AlreadyRated);
}

#[test]
fn nothing_is_rated_once_the_words_are_gone() {
    given([started(), ended(EndReason::ChatterLeft), erased()]).when(rate(5)).rejects(Rejection::Erased);
}

#[test]
fn a_rating_is_1_to_5() {
    given([started()]).when(rate(1)).then([rated(1)]);
    given([started()]).when(rate(0)).rejects(Rejection::RatingOutOfRange { given: 0 });
    given([started()]).when(rate(6)).rejects(Rejection::RatingOutOfRange { given: 6 });
}

#[test]
fn feedback_has_1_to_1000_characters() {
    let longest = Event::Rated { rating: 5, feedback: Some(text(1_000)) };
    given([started()]).when(rate_saying(1_000)).then([longest.into()]);
    given([started()]).when(rate_saying(0)).rejects(Rejection::TextEmpty);
    given([started()]).when(rate_saying(1_001)).rejects(Rejection::TextTooLong { characters: 1_001, limit: 1_000 });
}

#[test]
fn an_open_session_is_not_erased() {
    for requested in [true, false] {
        given([started()]).when(erase(requested).at(minutes(1_000))).rejects(Rejection::StillOpen);
        given([started(), went_idle()]).when(erase(requested)).rejects(Rejection::StillOpen);
    }
}

#[test]
fn an_ended_session_keeps_its_words_for_a_while() {
    let over = || given([started(), ended(EndReason::AgentEnded).at(minutes(20))]);
    over().when(erase(false).at(just_before(minutes(30)))).rejects(not_due(minutes(30)));
    over().when(erase(false).at(minutes(30))).then([erased()]);
}

#[test]
fn who_asks_for_erasure_does_not_wait() {
    given([started(), ended(EndReason::Erased).at(minutes(20))]).when(erase(true)).then([erased()]);
}

#[test]
fn words_that_are_not_kept_go_with_the_end() {
    given([started_with(|settings| settings.keep_after_end = Millis(0)), ended(EndReason::AgentEnded)])
        .when(erase(false))
        .then([erased()]);
}

#[test]
fn a_session_erased_twice_is_already_so() {
    for requested in [true, false] {
        given([started(), ended(EndReason::Erased), erased()]).when(erase(requested)).does_nothing();
    }
}

#[test]
fn only_an_ended_session_knows_when_its_words_go() {
    assert_eq!(given([started()]).state.erase_at(), None);
    assert_eq!(given([started(), ended(EndReason::AgentEnded).at(minutes(20))]).state.erase_at(), Some(minutes(30)));
}

#[test]
fn of_a_pruned_session_only_its_erasure_is_known_and_it_stays_dead() {
    let pruned = || given(Session::pruned().into_iter().map(At::from));
    pruned().when(At::from(start_with(|_| ()))).rejects(Rejection::AlreadyStarted);
    for command in all_words() {
        pruned().when(command).rejects(Rejection::Erased);
    }
    for command in
        [end(EndReason::AgentEnded), end_saying(5), expire(), erase(true), erase(false), go_idle(), reschedule(minutes(90))]
    {
        pruned().when(command).does_nothing();
    }
}
