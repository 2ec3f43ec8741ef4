//! Decisions: one outcome, claimed once.

use super::*;

const PAYLOAD: SaltedHash = SaltedHash([7; 32]);

fn decision(allow: &[Choice]) -> DecisionTerms {
    DecisionTerms { allow: allow.iter().copied().collect(), payload: PAYLOAD, if_timed_out: text(9) }
}

fn either() -> DecisionTerms {
    decision(&[Choice::Approve, Choice::Reject])
}

fn request(n: u8, decision: DecisionTerms, answer_within: Option<Millis>) -> At<Command> {
    ask_on(n, 0, 0, Wish { is_final: true, answer_within, decision: Some(decision), ..Wish::default() })
}

fn requested(n: u8, decision: DecisionTerms, answer_by: Option<Timestamp>) -> At<Event> {
    asked_on(n, 0, 0, Terms { is_final: true, answer_by, if_silent: None, decision: Some(decision) })
}

fn decide(n: u8, choice: Choice) -> At<Command> {
    decide_in_words(n, choice, None)
}

fn decide_in_words(n: u8, choice: Choice, words: Option<Words>) -> At<Command> {
    Command::Decide { question: question(n), choice, words, document: text(20) }.into()
}

fn decided(n: u8, verdict: Verdict) -> At<Event> {
    Event::DecisionMade { question: question(n), verdict, payload: PAYLOAD, words: None, document: text(20) }.into()
}

fn untaken(n: u8) -> At<Event> {
    let (question, verdict) = (question(n), Verdict::TimedOut);
    Event::DecisionMade { question, verdict, payload: PAYLOAD, words: None, document: text(9) }.into()
}

#[test]
fn a_decision_is_requested_over_a_payload_and_has_no_fields() {
    given([started()]).when(request(1, either(), None)).then([requested(1, either(), None)]);
    given([started()]).when(request(1, either(), Some(Millis::minutes(5))).at(minutes(2))).then([requested(
        1,
        either(),
        Some(minutes(7)),
    )]);
}

#[test]
fn a_decision_leaves_something_to_choose() {
    given([started()]).when(request(1, decision(&[]), None)).rejects(Rejection::NothingToChoose);
}

#[test]
fn a_verdict_closes_it_in_the_same_commit() {
    for (choice, verdict) in [(Choice::Approve, Verdict::Approved), (Choice::Reject, Verdict::Rejected)] {
        given([started(), requested(1, either(), None)])
            .when(decide(1, choice))
            .then([decided(1, verdict), closed(1, Closing::Answered)]);
    }
}

#[test]
fn the_first_verdict_wins() {
    given([started(), requested(1, either(), None), decided(1, Verdict::Approved), closed(1, Closing::Answered)])
        .when(decide(1, Choice::Reject))
        .rejects(Rejection::QuestionClosed);
}

#[test]
fn only_what_is_allowed_is_chosen() {
    given([started(), requested(1, either(), None)])
        .when(decide(1, Choice::Edit))
        .rejects(Rejection::ChoiceNotAllowed { choice: Choice::Edit });
    given([started(), requested(1, either(), None), went_idle()])
        .when(decide(1, Choice::Edit))
        .rejects(Rejection::ChoiceNotAllowed { choice: Choice::Edit });
    given([started(), requested(1, either(), None), went_idle()]).when(decide(1, Choice::Approve)).rejects(Rejection::Idle);
}

#[test]
fn values_are_no_verdict_and_a_verdict_no_values() {
    given([started(), requested(1, either(), None)]).when(answer(1, 1)).rejects(Rejection::AnswerMismatch);
    given([started(), asked(1, 1, 1)]).when(decide(1, Choice::Approve)).rejects(Rejection::AnswerMismatch);
    given([started()]).when(decide(1, Choice::Approve)).rejects(Rejection::QuestionUnknown { question: question(1) });
}

#[test]
fn silence_is_told_as_such_and_approves_nothing() {
    given([started(), requested(1, either(), Some(minutes(5)))])
        .when(At::from(Command::TimeOutQuestions).at(minutes(5)))
        .then([untaken(1), closed(1, Closing::TimedOut)]);
    // The clock closes it, even if the timer is late.
    given([started(), requested(1, either(), Some(minutes(5)))])
        .when(decide(1, Choice::Approve).at(minutes(5)))
        .rejects(Rejection::QuestionClosed);
    // A word of the person's is not silence, and yet no verdict.
    given([started(), requested(1, either(), Some(minutes(5))), said()])
        .when(At::from(Command::TimeOutQuestions).at(minutes(5)))
        .then([untaken(1), closed(1, Closing::TimedOut)]);
}

#[test]
fn whoever_takes_it_back_or_ends_first_leaves_no_verdict() {
    let withdraw = Command::Withdraw { question: question(1), reason: None };
    given([started(), requested(1, either(), None)]).when(withdraw).then([closed(1, Closing::Withdrawn)]);
    given([started(), requested(1, either(), None), closed(1, Closing::Withdrawn)])
        .when(decide(1, Choice::Approve))
        .rejects(Rejection::QuestionClosed);
    given([started(), requested(1, either(), None)])
        .when(end(EndReason::AgentEnded))
        .then([closed(1, Closing::SessionEnded), ended(EndReason::AgentEnded)]);
    given([started(), requested(1, either(), Some(minutes(1)))]).when(end(EndReason::AgentEnded).at(minutes(2))).then([
        untaken(1),
        closed(1, Closing::TimedOut),
        ended(EndReason::AgentEnded),
    ]);
}

#[test]
fn the_agents_next_word_leaves_it_open() {
    given([started(), requested(1, either(), None)]).when(reply()).then([replied()]);
    given([started(), requested(1, either(), None), replied()])
        .when(decide(1, Choice::Approve))
        .then([decided(1, Verdict::Approved), closed(1, Closing::Answered)]);
}

#[test]
fn a_verdict_calls_a_planned_end_off_and_leaves_a_reply_owed() {
    let planned = Event::EndPlanned { at: minutes(9), farewell: None };
    given([started(), requested(1, either(), None), planned.into()]).when(decide(1, Choice::Approve)).then([
        Event::EndCalledOff { by: Author::Chatter }.into(),
        decided(1, Verdict::Approved),
        closed(1, Closing::Answered),
    ]);
    given([started(), requested(1, either(), None), decided(1, Verdict::Approved).at(minutes(1)), closed(1, Closing::Answered)])
        .when(go_idle().at(minutes(45)))
        .rejects(not_due(minutes(45) + settings().idle_timeout));
}

#[test]
fn what_the_person_writes_with_it_is_spent() {
    let words = |characters| Some(Words { hash: SaltedHash([8; 32]), characters });
    let within = |limit| {
        given([
            started_with(|settings| settings.budget = Limits { characters: Some(limit), ..Limits::default() }),
            requested(1, decision(&[Choice::Edit]), None),
        ])
    };
    within(100).when(decide_in_words(1, Choice::Edit, words(20))).then([
        Event::DecisionMade {
            question: question(1),
            verdict: Verdict::Edited,
            payload: PAYLOAD,
            words: words(20),
            document: text(20),
        }
        .into(),
        closed(1, Closing::Answered),
    ]);
}
