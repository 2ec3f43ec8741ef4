//! Falling silent and coming back.

use super::*;
use crate::spec::just_before;

/// Silent since the start, and out of its place since half an hour.
fn idle() -> [At<Event>; 2] {
    [started(), went_idle().at(minutes(30))]
}

#[test]
fn a_silent_session_gives_its_place_back() {
    given([started()]).when(go_idle().at(just_before(minutes(30)))).rejects(not_due(minutes(30)));
    given([started()]).when(go_idle().at(minutes(30))).then([went_idle()]);
}

#[test]
fn the_clock_stands_still_while_the_agent_owes_a_reply() {
    given([started(), said()]).when(go_idle().at(minutes(45))).rejects(not_due(minutes(75)));
    given([started(), asked(1, 1, 1), answered(1, 1)]).when(go_idle().at(minutes(45))).rejects(not_due(minutes(75)));
}

#[test]
fn the_clock_starts_again_with_the_agents_reply() {
    let replied_to = || given([started(), said(), replied().at(minutes(10))]);
    replied_to().when(go_idle().at(just_before(minutes(40)))).rejects(not_due(minutes(40)));
    replied_to().when(go_idle().at(minutes(40))).then([went_idle()]);
}

#[test]
fn a_question_is_a_reply_too() {
    given([started(), said(), asked(1, 1, 1)]).when(go_idle().at(minutes(30))).then([went_idle()]);
}

#[test]
fn what_the_system_says_is_no_reply() {
    given([started(), said(), said_by(Author::System)]).when(go_idle().at(minutes(45))).rejects(not_due(minutes(75)));
}

#[test]
fn a_debt_counts_from_the_first_word_that_waits() {
    let session = given([started(), said().at(minutes(1)), said().at(minutes(2))]).state;
    assert_eq!(session.owed_since, Some(minutes(1)));
}

#[test]
fn an_idle_session_does_not_fall_idle_again() {
    given(idle()).when(go_idle()).does_nothing();
}

#[test]
fn an_ended_session_does_not_fall_idle() {
    given([started(), ended(EndReason::ChatterLeft)]).when(go_idle().at(minutes(30))).does_nothing();
    given([started(), ended(EndReason::ChatterLeft), erased()]).when(go_idle().at(minutes(30))).does_nothing();
}

#[test]
fn silence_ends_a_session_without_messages_left() {
    let spent = || given([started_with(|settings| settings.max_messages = 1), said(), replied()]);
    spent().when(go_idle().at(just_before(minutes(30)))).rejects(not_due(minutes(30)));
    spent().when(go_idle().at(minutes(30))).then([ended(EndReason::MessageLimit)]);
}

#[test]
fn the_last_message_is_answered_before_silence_ends_the_session() {
    given([started_with(|settings| settings.max_messages = 1), said()])
        .when(go_idle().at(minutes(30)))
        .rejects(not_due(minutes(60)));
}

#[test]
fn a_session_whose_time_is_up_ends_instead_of_falling_idle() {
    given([started(), said()]).when(go_idle().at(minutes(60))).then([ended(EndReason::LinkExpired)]);
}

#[test]
fn an_idle_chatter_needs_a_place_to_speak() {
    given(idle()).when(say()).rejects(Rejection::Idle);
}

#[test]
fn no_place_is_reserved_for_words_that_are_refused_anyway() {
    given(idle()).when(post_as(Author::Chatter, text(0))).rejects(Rejection::TextEmpty);
    given(idle()).when(post_as(Author::Chatter, text(4_001))).rejects(Rejection::TextTooLong { characters: 4_001, limit: 4_000 });
}

#[test]
fn the_agent_may_write_and_ask_on_an_idle_session() {
    given(idle()).when(reply()).then([replied()]);
    given(idle()).when(ask(1, 1, 1)).then([asked(1, 1, 1)]);
    given(idle()).when(post_as(Author::System, text(5))).then([said_by(Author::System)]);
}

#[test]
fn the_agents_words_do_not_bring_a_session_back() {
    given(idle().into_iter().chain([replied()])).when(say()).rejects(Rejection::Idle);
}

#[test]
fn the_agents_limits_hold_on_an_idle_session() {
    given(idle()).under(|policy| policy.agent_messages = 0).when(reply()).rejects(Rejection::MessageLimit { limit: 0 });
}

#[test]
fn an_idle_session_comes_back_to_a_reserved_place() {
    given(idle()).when(resume()).then([resumed()]);
}

#[test]
fn an_idle_session_does_not_come_back_after_its_reservation() {
    given(idle()).when(resume_before(minutes(32)).at(just_before(minutes(32)))).then([resumed()]);
    given(idle()).when(resume_before(minutes(32)).at(minutes(32))).rejects(Rejection::TooLate { start_before: minutes(32) });
}

#[test]
fn a_session_that_is_not_idle_is_already_back() {
    given([started()]).when(resume()).does_nothing();
    given([started()]).when(resume_before(minutes(0))).does_nothing();
}

#[test]
fn an_idle_session_does_not_come_back_after_its_end() {
    given(idle()).when(resume().at(minutes(60))).rejects(time_is_up());
    let left = ended(EndReason::AgentEnded);
    given(idle().into_iter().chain([left.clone()])).when(resume()).rejects(Rejection::Ended { reason: EndReason::AgentEnded });
    given(idle().into_iter().chain([left, erased()])).when(resume()).rejects(Rejection::Erased);
}

#[test]
fn who_came_back_speaks_and_falls_silent_anew() {
    let back = || idle().into_iter().chain([resumed().at(minutes(40))]).collect::<Vec<_>>();
    given(back()).when(say()).then([said()]);
    given(back()).when(go_idle().at(just_before(minutes(60)))).rejects(not_due(minutes(70)));
}
