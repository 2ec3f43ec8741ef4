//! What a session may spend.

use super::*;
use crate::budget::{Amounts, Measure, Reached, Span, Tally};

fn limited(limits: Limits) -> At<Event> {
    started_with(|settings| settings.budget = limits)
}

fn messages(messages: u32) -> Limits {
    Limits { messages: Some(messages), ..Limits::default() }
}

fn told(what: Measure, (used, limit): (u64, u64), at_percent: u8) -> At<Event> {
    Event::BudgetReached { reached: Reached { what, of: Span::Session, used, limit }, at_percent }.into()
}

fn used_up(what: Measure, used: u64, limit: u64) -> Rejection {
    Rejection::BudgetReached(Reached { what, of: Span::Session, used, limit })
}

fn within(granted: Amounts, command: At<Command>) -> Command {
    Command::Spend { granted: Tally { all: granted, day: 0, today: granted }, command: Box::new(command.what) }
}

const ENDLESS: Amounts = Amounts { messages: u64::MAX, characters: u64::MAX, turns: u64::MAX, bytes: u64::MAX };

#[test]
fn the_last_message_of_a_budget_tells_agents_so() {
    let history = || [limited(messages(2)), said_by(Author::Chatter)];
    let (at_80, at_100) = (told(Measure::Messages, (2, 2), 80), told(Measure::Messages, (2, 2), 100));
    given(history()).when(say()).then([at_80, at_100, said_by(Author::Chatter)]);
    given(history().into_iter().chain([said_by(Author::Chatter)])).when(say()).rejects(used_up(Measure::Messages, 2, 2));
}

#[test]
fn a_budget_of_turns_holds_for_the_agent_alone() {
    let turns = Limits { turns: Some(1), ..Limits::default() };
    let history = || [limited(turns), said_by(agent())];
    given(history()).when(reply()).rejects(used_up(Measure::Turns, 1, 1));
    given(history()).when(say()).then([said_by(Author::Chatter)]);
}

#[test]
fn a_message_may_go_beyond_the_characters_that_are_left_and_none_after_it() {
    let characters = Limits { characters: Some(6), ..Limits::default() };
    let history = || [limited(characters), said_by(Author::Chatter)];
    given(history()).when(say()).then([told(Measure::Characters, (10, 6), 100), said_by(Author::Chatter)]);
    given(history().into_iter().chain([said_by(Author::Chatter)])).when(say()).rejects(used_up(Measure::Characters, 10, 6));
}

#[test]
fn a_session_spends_what_its_link_has_granted_and_no_more() {
    let one = Amounts { messages: 1, ..ENDLESS };
    given([started()]).when(within(one, say())).then([said_by(Author::Chatter)]);
    let decided = given([started(), said_by(Author::Chatter)]);
    let spent = decided.state.spent;
    let cost = Amounts { messages: 1, characters: 5, turns: 0, bytes: 518 };
    decided.when(within(one, say())).rejects(Rejection::NeedsGrant { spent, cost });
}

#[test]
fn what_costs_nothing_needs_no_grant() {
    let no_messages = Amounts { messages: 0, ..ENDLESS };
    given([started(), said_by(Author::Chatter)]).when(within(no_messages, reply())).then([said_by(agent())]);
}

#[test]
fn a_new_budget_takes_the_place_of_the_old() {
    let set = |limit| Command::SetBudget { budget: messages(limit) };
    let was_set = |limit| At::from(Event::BudgetSet { budget: messages(limit) });
    given([limited(messages(1))]).when(set(2)).then([was_set(2)]);
    given([limited(messages(1))]).when(set(1)).does_nothing();
    let history = [limited(messages(1)), said_by(Author::Chatter), was_set(9)];
    given(history).when(say()).then([said_by(Author::Chatter)]);
}

#[test]
fn a_session_writes_so_many_bytes_a_day() {
    let history = || [started(), said_by(Author::Chatter)];
    let used = given(history()).state.spent.today.bytes;
    let reached = Reached { what: Measure::Bytes, of: Span::SessionDay, used, limit: used };
    given(history()).under(|policy| policy.session_bytes_a_day = used).when(say()).rejects(Rejection::BudgetReached(reached));
}

#[test]
fn a_chat_is_reported_five_times_also_after_its_end() {
    let report = |characters| Command::Report { reason: text(characters) };
    let reported = || At::from(Event::Reported { reason: text(5) });
    given([started()]).when(report(5)).then([reported()]);
    given([started(), Event::Ended { reason: EndReason::AgentEnded }.into()]).when(report(5)).then([reported()]);
    given([started()].into_iter().chain((0..5).map(|_| reported())))
        .when(report(5))
        .rejects(Rejection::TooManyReports { limit: 5 });
    given([started()]).when(report(0)).rejects(Rejection::TextEmpty);
    given([started()]).when(report(1_001)).rejects(Rejection::TextTooLong { characters: 1_001, limit: 1_000 });
    given([started(), Event::Erased.into()]).when(report(5)).rejects(Rejection::Erased);
    assert!(!reported().what.changes_the_chat());
}
