//! How questions are closed: once, and for one reason.

use super::*;

const MINUTE: Millis = Millis::MINUTE;

fn final_wish() -> Wish {
    Wish { is_final: true, ..Wish::default() }
}

fn timed(minute: i64, silent: bool) -> Terms {
    Terms { is_final: true, answer_by: Some(minutes(minute)), if_silent: silent.then(|| text(7)), decision: None }
}

fn withdraw(n: u8) -> At<Command> {
    Command::Withdraw { question: question(n), reason: None }.into()
}

fn time_out() -> At<Command> {
    Command::TimeOutQuestions.into()
}

fn timed_out(n: u8, values: Option<Sealed>) -> At<Event> {
    let (question, why) = (question(n), Closing::TimedOut);
    Event::QuestionClosed { question, why, replaced_by: None, values, reason: None }.into()
}

fn replaced(n: u8, by: u8) -> At<Event> {
    let (question, replaced_by) = (question(n), Some(question(by)));
    Event::QuestionClosed { question, why: Closing::Replaced, replaced_by, values: None, reason: None }.into()
}

fn replacing(n: u8, old: u8) -> At<Command> {
    ask_on(n, 1, 1, Wish { replaces: Some(question(old)), ..Wish::default() })
}

#[test]
fn the_first_complete_answer_closes_a_question_for_good() {
    given([started()]).when(ask_on(1, 1, 1, final_wish())).then([asked_for_good(1, 1, 1)]);
    given([started(), asked_for_good(1, 2, 0b11)]).when(answer(1, 0b01)).then([answered_but(1, 0b01, 0b10)]);
    given([started(), asked_for_good(1, 2, 0b11), answered_but(1, 0b01, 0b10)])
        .when(answer(1, 0b10))
        .then([answered(1, 0b10), closed(1, Closing::Answered)]);
    given([started(), asked_for_good(1, 1, 1), answered(1, 1), closed(1, Closing::Answered)])
        .when(answer(1, 1))
        .rejects(Rejection::QuestionClosed);
}

#[test]
fn the_agents_next_word_says_that_it_closes_what_may_be_changed() {
    given([started(), asked(1, 1, 1), answered(1, 1)]).when(reply()).then([closed(1, Closing::Answered), replied()]);
    given([started(), asked(1, 2, 0b11), answered_but(1, 0b01, 0b10)]).when(reply()).then([replied()]);
    given([started(), asked(1, 1, 1), answered(1, 1), closed(1, Closing::Answered), replied()]).when(reply()).then([replied()]);
    given([started(), asked(1, 1, 1), answered(1, 1)]).when(say()).then([said()]);
}

#[test]
fn an_old_log_has_closed_it_without_a_word() {
    given([started(), asked(1, 1, 1), answered(1, 1), replied()]).when(reply()).then([replied()]);
    given([started(), asked(1, 1, 1), answered(1, 1), replied()]).when(withdraw(1)).rejects(Rejection::QuestionClosed);
}

#[test]
fn a_question_takes_the_place_of_another() {
    given([started(), asked(1, 1, 1)]).when(replacing(2, 1)).then([replaced(1, 2), asked(2, 1, 1)]);
    given([started(), asked(1, 1, 1), replaced(1, 2), asked(2, 1, 1)]).when(answer(1, 1)).rejects(Rejection::QuestionClosed);
    given([started(), asked(1, 1, 1), answered(1, 1)]).when(replacing(2, 1)).then([replaced(1, 2), asked(2, 1, 1)]);
    given([started()]).when(replacing(2, 1)).rejects(Rejection::QuestionUnknown { question: question(1) });
    given([started(), asked_for_good(1, 1, 1), answered(1, 1), closed(1, Closing::Answered)])
        .when(replacing(2, 1))
        .rejects(Rejection::QuestionClosed);
}

#[test]
fn what_takes_the_place_of_another_is_not_one_more() {
    given([started(), asked(1, 1, 1)])
        .under(|policy| policy.open_questions = 1)
        .when(replacing(2, 1))
        .then([replaced(1, 2), asked(2, 1, 1)]);
}

#[test]
fn an_agent_takes_a_question_back_once() {
    given([started(), asked(1, 1, 1)]).when(withdraw(1)).then([closed(1, Closing::Withdrawn)]);
    given([started(), asked(1, 1, 1), closed(1, Closing::Withdrawn)]).when(withdraw(1)).then([]);
    given([started(), asked(1, 1, 1), closed(1, Closing::TimedOut)]).when(withdraw(1)).rejects(Rejection::QuestionClosed);
    given([started()]).when(withdraw(1)).rejects(Rejection::QuestionUnknown { question: question(1) });
    given([started(), asked(1, 1, 1), went_idle().at(minutes(30))]).when(withdraw(1)).then([closed(1, Closing::Withdrawn)]);
    given([started(), asked(1, 1, 1), ended(EndReason::ChatterLeft)])
        .when(withdraw(1))
        .rejects(Rejection::Ended { reason: EndReason::ChatterLeft });
    given([started(), asked(1, 1, 1)])
        .when(Command::Withdraw { question: question(1), reason: Some(text(501)) })
        .rejects(Rejection::TextTooLong { characters: 501, limit: 500 });
}

#[test]
fn a_question_waits_only_so_long() {
    let wish = |within| Wish { answer_within: Some(within), if_silent: Some(text(7)), ..final_wish() };
    given([started()]).when(ask_on(1, 1, 1, wish(MINUTE)).at(minutes(1))).then([asked_on(1, 1, 1, timed(2, true))]);
    for within in [Millis(59_999), Millis(Millis::minutes(43_200).0 + 1)] {
        let (least, most) = (MINUTE, Millis::minutes(43_200));
        given([started()]).when(ask_on(1, 1, 1, wish(within))).rejects(Rejection::TimeOutOfRange { given: within, least, most });
    }
    let asked = || [started(), asked_on(1, 1, 1, timed(2, true))];
    given(asked()).when(answer(1, 1).at(Timestamp(119_999))).then([answered(1, 1), closed(1, Closing::Answered)]);
    given(asked()).when(answer(1, 1).at(minutes(2))).rejects(Rejection::QuestionClosed);
    given(asked()).when(time_out().at(Timestamp(119_999))).rejects(not_due(minutes(2)));
    given(asked()).when(time_out().at(minutes(2))).then([timed_out(1, Some(text(7)))]);
    given([started(), asked_on(1, 1, 1, timed(2, true)), timed_out(1, Some(text(7)))]).when(time_out().at(minutes(3))).then([]);
}

#[test]
fn silence_means_nothing_without_a_deadline() {
    let wish = Wish { if_silent: Some(text(7)), ..final_wish() };
    given([started()]).when(ask_on(1, 1, 1, wish)).then([asked_for_good(1, 1, 1)]);
}

#[test]
fn any_word_of_the_persons_makes_void_what_silence_means() {
    let rated = |feedback: Option<Sealed>| At::from(Event::Rated { rating: 5, feedback });
    let reported = At::from(Event::Reported { reason: text(3) });
    for word in [said(), answered_but(1, 0b01, 0b10), answered(2, 1), rated(Some(text(3))), reported] {
        let history = [started(), asked(2, 1, 1), asked_on(1, 2, 0b11, timed(2, true)), word];
        given(history).when(time_out().at(minutes(2))).then([timed_out(1, None)]);
    }
    let marked = marked(Reader::Chatter, 3);
    for no_word in [marked, welcomed(), rated(None), went_idle()] {
        let history = [started(), asked_on(1, 2, 0b11, timed(2, true)), no_word];
        given(history).when(time_out().at(minutes(2))).then([timed_out(1, Some(text(7)))]);
    }
    given([started(), said(), asked_on(1, 1, 1, timed(2, true))])
        .when(time_out().at(minutes(2)))
        .then([timed_out(1, Some(text(7)))]);
}

#[test]
fn all_that_is_overdue_times_out_at_once_and_the_rest_later() {
    let history = || {
        [
            started(),
            asked_on(1, 1, 1, timed(2, false)),
            asked_on(2, 1, 1, timed(3, false)),
            asked_on(3, 1, 1, timed(9, false)),
            asked(4, 1, 1),
        ]
    };
    given(history()).when(time_out().at(minutes(3))).then([timed_out(1, None), timed_out(2, None)]);
    let later = history().into_iter().chain([timed_out(1, None), timed_out(2, None)]);
    given(later).when(time_out().at(minutes(3))).rejects(not_due(minutes(9)));
}

#[test]
fn the_end_closes_what_is_open() {
    let history = || [started(), asked(1, 1, 1), asked_on(2, 1, 1, timed(50, true)), asked_for_good(3, 1, 1)];
    given(history()).when(end(EndReason::ChatterLeft).at(minutes(9))).then([
        closed(1, Closing::SessionEnded),
        closed(2, Closing::SessionEnded),
        closed(3, Closing::SessionEnded),
        ended(EndReason::ChatterLeft),
    ]);
    // The deadline came first, whatever its timer did.
    given(history()).when(expire().at(minutes(60))).then([
        closed(1, Closing::SessionEnded),
        timed_out(2, Some(text(7))),
        closed(3, Closing::SessionEnded),
        ended(EndReason::LinkExpired),
    ]);
    let last = [started(), asked_on(2, 1, 1, timed(61, true))];
    given(last).when(expire().at(minutes(99))).then([closed(2, Closing::SessionEnded), ended(EndReason::LinkExpired)]);
}

#[test]
fn a_closed_question_keeps_neither_its_form_nor_what_silence_meant() {
    let state = given([started(), asked_on(1, 1, 1, timed(2, true)), closed(1, Closing::Withdrawn)]).state;
    let question = &state.questions[&question(1)];
    assert_eq!((&question.form, &question.terms.if_silent, question.closed), (&None, &None, Some(Closing::Withdrawn)));
    assert!(state.open_questions.is_empty());
}

#[test]
fn the_answer_is_what_was_asked_for_though_its_closing_stands_last() {
    let count = |events: Vec<At<Event>>| Session::count_to_asked(&events.into_iter().map(|event| event.what).collect::<Vec<_>>());
    assert_eq!(count(vec![answered(1, 1), closed(1, Closing::Answered)]), 1);
    assert_eq!(count(vec![closed(1, Closing::Answered), replied()]), 2);
    assert_eq!(count(vec![closed(1, Closing::Withdrawn)]), 1);
    assert_eq!(count(vec![]), 0);
}
