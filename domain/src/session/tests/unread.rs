//! Nothing is said past unread words.

use super::*;
use crate::budget::{Amounts, Measure, Reached, Span, Tally};
use crate::session::EventPosition;

fn at(sequence: u64) -> EventPosition {
    EventPosition { sequence, index: 0 }
}

/// A chat in which the person's words have these sequences.
fn words_at(history: impl IntoIterator<Item = At<Event>>, sequences: impl IntoIterator<Item = u64>) -> Given<Session> {
    let mut given = given(history);
    let word = Event::MessagePosted { from: Author::Chatter, text: text(5), kind: None, client_message_id: None, signs: None };
    for sequence in sequences {
        given.state.recorded(sequence, std::slice::from_ref(&word));
    }
    given
}

fn if_read(read: EventPosition, command: impl Into<At<Command>>) -> Command {
    Command::IfRead { read, command: Box::new(command.into().what) }
}

fn read_upto(sequence: u64, command: impl Into<At<Command>>) -> Command {
    if_read(at(sequence), command)
}

/// So many words behind, the last of them the chat's only or second one, at 7.
fn unread(count: u32) -> Rejection {
    Rejection::Unread { count, last: at(7) }
}

fn end() -> Command {
    Command::End { reason: EndReason::AgentEnded, farewell: None }
}

fn plan_end() -> Command {
    Command::PlanEnd { within: Millis::minutes(5), farewell: None }
}

fn withdraw() -> Command {
    Command::Withdraw { question: question(1), reason: None }
}

fn replace() -> At<Command> {
    ask_on(2, 1, 1, Wish { replaces: Some(question(1)), ..Wish::default() })
}

#[test]
fn an_agent_speaks_where_it_has_read_the_persons_last_word() {
    let chat = || words_at([started(), said()], [7]);
    chat().when(read_upto(7, reply())).then([replied()]);
    chat().when(read_upto(9, end())).then([ended(EndReason::AgentEnded)]);
    chat().when(read_upto(6, reply())).rejects(unread(1));
    chat().when(read_upto(6, end())).rejects(unread(1));
    // Who says nothing of what it has read, speaks.
    chat().when(reply()).then([replied()]);
}

#[test]
fn a_question_is_not_taken_back_nor_replaced_and_no_end_planned_past_a_word() {
    let chat = || words_at([started(), asked(1, 1, 1), said()], [7]);
    let acts = || [withdraw().into(), replace(), plan_end().into(), ask(2, 1, 1)];
    for act in acts() {
        chat().when(read_upto(6, act)).rejects(unread(1));
    }
    chat().when(read_upto(7, withdraw())).then([closed(1, Closing::Withdrawn)]);
    let planned = Event::EndPlanned { at: minutes(5), farewell: None };
    chat().when(read_upto(7, plan_end())).then([At::from(planned)]);
    for act in acts() {
        // A refusal comes first: neither is there such a question, nor is the chat open.
        words_at([started(), said(), ended(EndReason::ChatterLeft)], [7])
            .when(read_upto(6, act))
            .rejects(Rejection::Ended { reason: EndReason::ChatterLeft });
    }
    for act in [withdraw().into(), replace()] {
        let question = question(1);
        words_at([started(), said()], [7]).when(read_upto(6, act)).rejects(Rejection::QuestionUnknown { question });
    }
}

#[test]
fn timers_are_held_by_nothing() {
    let due = Terms { answer_by: Some(minutes(2)), ..Terms::default() };
    words_at([started(), asked_on(1, 1, 1, due), said()], [7])
        .when(At::from(Command::TimeOutQuestions).at(minutes(2)))
        .then([closed(1, Closing::TimedOut)]);
    // In a log where no word called it off.
    let planned = At::from(Event::EndPlanned { at: minutes(5), farewell: None });
    words_at([started(), said(), planned], [7])
        .when(At::from(Command::EndAsPlanned).at(minutes(5)))
        .then([ended(EndReason::AgentEnded)]);
}

#[test]
fn an_answer_is_a_word_and_an_agents_is_none() {
    let mut chat = words_at([started(), asked(1, 1, 1), answered(1, 1)], []);
    let answer = Event::QuestionAnswered { question: question(1), values: text(3), answered: 1, withdrawn: 0, missing: 0 };
    chat.state.recorded(8, &[answer]);
    let spoken = Event::MessagePosted { from: agent(), text: text(5), kind: None, client_message_id: None, signs: None };
    chat.state.recorded(9, &[spoken, Event::WentIdle, Event::MarkedRead { by: Reader::Chatter, upto: 3 }]);
    assert_eq!(chat.state.words.iter().copied().collect::<Vec<_>>(), [at(8)]);
    chat.when(read_upto(7, reply())).rejects(Rejection::Unread { count: 1, last: at(8) });
}

#[test]
fn a_word_is_read_with_its_own_event_and_not_with_another_of_its_commit() {
    let reached = Event::BudgetReached {
        reached: Reached { what: Measure::Messages, of: Span::Session, used: 4, limit: 5 },
        at_percent: 80,
    };
    let word = Event::MessagePosted { from: Author::Chatter, text: text(5), kind: None, client_message_id: None, signs: None };
    let chat = || {
        let mut chat = words_at([started(), said()], []);
        chat.state.recorded(7, &[reached.clone(), word.clone()]);
        chat
    };
    let last = EventPosition { sequence: 7, index: 1 };
    chat().when(read_upto(7, reply())).rejects(Rejection::Unread { count: 1, last });
    chat().when(if_read(last, reply())).then([replied()]);
}

#[test]
fn a_mark_within_a_commit_does_not_mark_the_word_behind_it() {
    let mark = |upto| Command::MarkRead { by: Reader::Agent(key(1)), upto };
    let mut chat = words_at([started(), said()], []);
    let word = Event::MessagePosted { from: Author::Chatter, text: text(5), kind: None, client_message_id: None, signs: None };
    chat.state.recorded(7, &[Event::WentIdle, word]);
    assert_eq!(chat.state.read_whole(at(7)), 6);
    chat.when(mark(EventPosition { sequence: 7, index: 1 })).then([marked(Reader::Agent(key(1)), 7)]);
}

#[test]
fn a_key_has_read_up_to_its_own_mark_or_what_it_was_given_since() {
    let chat = words_at([started(), said(), marked(Reader::Agent(key(1)), 7)], [3, 7]).state;
    let read = |n, given| chat.read_by(key(n), given);
    assert_eq!((read(1, None), read(1, Some(at(3)))), (EventPosition::whole(7), EventPosition::whole(7)));
    assert_eq!(read(1, Some(at(9))), at(9));
    assert_eq!((read(2, None), read(2, Some(at(3)))), (EventPosition::default(), at(3)));
    assert!(chat.is_read(at(7)) && !chat.is_read(at(6)));
    assert!(Session::default().is_read(EventPosition::default()));
}

#[test]
fn refusals_come_before_held() {
    let over = words_at([started(), said(), ended(EndReason::ChatterLeft)], [7]);
    over.when(read_upto(0, reply())).rejects(Rejection::Ended { reason: EndReason::ChatterLeft });
    words_at([started(), said()], [7]).when(read_upto(0, post_as(agent(), text(0)))).rejects(Rejection::TextEmpty);
    let turns = started_with(|settings| settings.budget = Limits { turns: Some(1), ..Limits::default() });
    let used_up = Reached { what: Measure::Turns, of: Span::Session, used: 1, limit: 1 };
    words_at([turns, replied()], [7]).when(read_upto(0, reply())).rejects(Rejection::BudgetReached(used_up));
}

#[test]
fn what_is_held_asks_the_link_for_nothing() {
    let nothing = Tally { all: Amounts::default(), day: 0, today: Amounts::default() };
    let spending = |read| Command::Spend { granted: nothing, command: Box::new(read_upto(read, reply())) };
    words_at([started(), said()], [7]).when(spending(6)).rejects(unread(1));
    let known = words_at([started(), said()], [7]);
    let (spent, cost) = (known.state.spent, Amounts { turns: 1, ..Amounts::bytes(518) });
    known.when(spending(7)).rejects(Rejection::NeedsGrant { spent, cost });
}

#[test]
fn what_is_already_so_or_timed_out_is_not_held() {
    words_at([started(), said(), ended(EndReason::ChatterLeft)], [7]).when(read_upto(0, end())).does_nothing();
    let withdrawn = closed(1, Closing::Withdrawn);
    words_at([started(), asked(1, 1, 1), said(), withdrawn], [7]).when(read_upto(0, withdraw())).does_nothing();
    let late = || At::from(read_upto(0, end())).at(minutes(61));
    words_at([started(), said()], [7]).when(late()).then([ended(EndReason::LinkExpired)]);
    let with_question = words_at([started(), asked(1, 1, 1), said()], [7]);
    with_question.when(late()).then([closed(1, Closing::SessionEnded), ended(EndReason::LinkExpired)]);
}

#[test]
fn of_two_accounts_the_narrower_counts() {
    let chat = || words_at([started(), said()], [7]);
    chat().when(read_upto(7, read_upto(6, reply()))).rejects(unread(1));
    chat().when(read_upto(6, read_upto(7, reply()))).rejects(unread(1));
}

#[test]
fn the_last_word_is_known_however_many_there_were() {
    let chat = words_at([started(), said()], 1..=1_000);
    assert_eq!(chat.state.words.len(), 100);
    chat.when(read_upto(999, reply())).rejects(Rejection::Unread { count: 1, last: at(1_000) });
    let long = words_at([started(), said()], 1..=1_000);
    long.when(read_upto(5, reply())).rejects(Rejection::Unread { count: 100, last: at(1_000) });
    assert!(Session::could_change(&unread(1)));
}
