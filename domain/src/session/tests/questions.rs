//! Questions and answers.

use super::*;

#[test]
fn an_agent_asks() {
    given([started()]).when(ask(1, 8, 0b1111_1111)).then([asked(1, 8, 0b1111_1111)]);
}

#[test]
fn a_question_has_1_to_8_fields() {
    given([started()]).when(ask(1, 1, 1)).then([asked(1, 1, 1)]);
    given([started()]).when(ask(1, 0, 0)).rejects(Rejection::FieldCount { fields: 0, limit: 8 });
    given([started()]).when(ask(1, 9, 0)).rejects(Rejection::FieldCount { fields: 9, limit: 8 });
}

#[test]
fn a_question_is_asked_once() {
    given([started(), asked(1, 1, 1)]).when(ask(1, 1, 1)).rejects(Rejection::QuestionExists);
}

#[test]
fn only_so_many_questions_are_open_at_once() {
    given([started(), asked(1, 1, 1)]).under(|policy| policy.open_questions = 2).when(ask(2, 1, 1)).then([asked(2, 1, 1)]);
    given([started(), asked(1, 1, 1), asked(2, 1, 1)])
        .under(|policy| policy.open_questions = 2)
        .when(ask(3, 1, 1))
        .rejects(Rejection::TooManyQuestions { limit: 2 });
}

#[test]
fn an_answered_question_makes_room_for_another() {
    given([started(), asked(1, 1, 1), answered(1, 1)])
        .under(|policy| policy.open_questions = 1)
        .when(ask(2, 1, 1))
        .then([closed(1, Closing::Answered), asked(2, 1, 1)]);
}

#[test]
fn a_half_answered_question_is_open() {
    given([started(), asked(1, 2, 0b11), answered(1, 0b01)])
        .under(|policy| policy.open_questions = 1)
        .when(ask(2, 1, 1))
        .rejects(Rejection::TooManyQuestions { limit: 1 });
}

#[test]
fn a_question_is_answered_whole_or_in_part() {
    given([started(), asked(1, 2, 0b11)]).when(answer(1, 0b11)).then([answered(1, 0b11)]);
    given([started(), asked(1, 2, 0b11)]).when(answer(1, 0b01)).then([answered_but(1, 0b01, 0b10)]);
}

#[test]
fn an_answer_may_be_changed_until_the_agent_acts_on_it() {
    given([started(), asked(1, 1, 1), answered(1, 1)]).when(answer(1, 1)).then([answered(1, 1)]);
    given([started(), asked(1, 1, 1), answered(1, 1), replied()]).when(answer(1, 1)).rejects(Rejection::QuestionClosed);
    given([started(), asked(1, 1, 1), answered(1, 1), asked(2, 1, 1)]).when(answer(1, 1)).rejects(Rejection::QuestionClosed);
}

#[test]
fn a_question_without_every_required_answer_stays_open_when_the_agent_speaks() {
    given([started(), asked(1, 2, 0b11), replied()]).when(answer(1, 0b11)).then([answered(1, 0b11)]);
    given([started(), asked(1, 2, 0b11), answered(1, 0b01), replied()]).when(answer(1, 0b10)).then([answered(1, 0b10)]);
}

#[test]
fn partial_answers_add_up() {
    given([started(), asked(1, 2, 0b11), answered(1, 0b01), answered(1, 0b10), replied()])
        .when(answer(1, 0b11))
        .rejects(Rejection::QuestionClosed);
}

#[test]
fn a_question_with_nothing_required_waits_for_one_answer() {
    given([started(), asked(1, 1, 0), replied()]).when(answer(1, 0)).then([answered(1, 0)]);
    given([started(), asked(1, 1, 0), answered(1, 0), replied()]).when(answer(1, 1)).rejects(Rejection::QuestionClosed);
}

#[test]
fn a_field_that_does_not_exist_is_not_waited_for() {
    given([started(), asked(1, 1, 0b11), answered(1, 0b01), replied()]).when(answer(1, 1)).rejects(Rejection::QuestionClosed);
}

#[test]
fn what_the_system_says_closes_no_question() {
    given([started(), asked(1, 1, 1), answered(1, 1), said_by(Author::System)]).when(answer(1, 1)).then([answered(1, 1)]);
}

#[test]
fn a_question_takes_only_so_many_answers() {
    let twice = || given([started(), asked(1, 1, 1), answered(1, 1), answered(1, 1)]);
    twice().under(|policy| policy.answers_per_question = 3).when(answer(1, 1)).then([answered(1, 1)]);
    twice().under(|policy| policy.answers_per_question = 2).when(answer(1, 1)).rejects(Rejection::QuestionClosed);
}

#[test]
fn an_unknown_question_is_not_answered() {
    given([started()]).when(answer(1, 1)).rejects(Rejection::QuestionUnknown { question: question(1) });
}

#[test]
fn answers_are_not_messages() {
    let session = given([started_with(|settings| settings.max_messages = 1), asked(1, 1, 1), answered(1, 1)]).state;
    assert_eq!(session.messages_left(), 1);
    assert!(session.recent_chatter.is_empty());
}

#[test]
fn an_answer_on_an_idle_session_needs_a_place_unless_it_is_refused_anyway() {
    let idle = || [started(), asked(1, 1, 1), went_idle().at(minutes(30))];
    given(idle()).when(answer(1, 1)).rejects(Rejection::Idle);
    given(idle()).when(answer(2, 1)).rejects(Rejection::QuestionUnknown { question: question(2) });
    given(idle()).under(|policy| policy.answers_per_question = 0).when(answer(1, 1)).rejects(Rejection::QuestionClosed);
}

#[test]
fn what_is_missing_is_told_of_required_fields_only() {
    given([started(), asked(1, 3, 0b101)]).when(answer(1, 0b010)).then([answered_but(1, 0b010, 0b101)]);
    given([started(), asked(1, 3, 0b101), answered_but(1, 0b100, 0b001)]).when(answer(1, 0b001)).then([answered(1, 0b001)]);
}

#[test]
fn an_answer_may_be_taken_back() {
    let withdraw = || At::from(Command::Answer { question: question(1), values: text(20), answered: 0b10, withdrawn: 0b01 });
    let withdrawn =
        Event::QuestionAnswered { question: question(1), values: text(20), answered: 0b10, withdrawn: 0b01, missing: 0b01 };
    given([started(), asked(1, 2, 0b11), answered(1, 0b11)]).when(withdraw()).then([withdrawn.clone().into()]);
    given([started(), asked(1, 2, 0b11), answered(1, 0b11), withdrawn.into(), replied()])
        .when(answer(1, 1))
        .then([answered(1, 1)]);
}

#[test]
fn a_form_is_kept_until_the_question_is_closed() {
    let form = |history: Vec<At<Event>>| given(history).state.questions[&question(1)].form.clone();
    assert!(form(vec![started(), asked(1, 1, 1), answered(1, 1)]).is_some());
    assert!(form(vec![started(), asked(1, 1, 1), answered(1, 1), replied()]).is_none());
}

#[test]
fn a_session_begins_with_what_its_link_asks() {
    let asked = Asked { question: question(1), form: text(50), fields: 2, required: 0b01 };
    let of_link = Event::QuestionAsked {
        question: question(1),
        from: Author::System,
        form: text(50),
        fields: 2,
        required: 0b01,
        terms: Terms::default(),
    };
    given([]).when(start_with(|start| start.question = Some(asked.clone()))).then([started(), of_link.into()]);
    let endless = Asked { fields: 9, ..asked };
    given([])
        .when(start_with(|start| start.question = Some(endless.clone())))
        .rejects(Rejection::FieldCount { fields: 9, limit: 8 });
}

#[test]
fn a_session_knows_its_recipient() {
    let recipient = |start: &mut Start| start.recipient = Some(3);
    let Event::Started { settings, .. } = started().what.clone() else { return };
    let started = Event::Started {
        link: LinkId::new(id(1)),
        settings,
        display_name: None,
        language: None,
        recipient: Some(3),
        origin: None,
    };
    given([]).when(start_with(recipient)).then([started.into()]);
}
