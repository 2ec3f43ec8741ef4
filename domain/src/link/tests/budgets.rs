//! What a link lets its sessions spend, and whom it shuts out.

use super::*;
use crate::Fingerprint;
use crate::budget::{Amounts, Budget, Limits, Measure, Reached, Span, Tally};

const ONE: Amounts = Amounts { messages: 1, characters: 0, turns: 0, bytes: 0 };

fn for_messages(link: Option<u32>, day: Option<u32>) -> At<Event> {
    let of = |messages| Limits { messages, ..Limits::default() };
    opened_with(|settings| settings.budget = Budget { session: Limits::default(), link: of(link), day: of(day) })
}

fn draw(n: u8, spent: u64) -> At<Command> {
    let spent = Amounts { messages: spent, ..Amounts::default() };
    Command::Draw { session: session(n), spent: Tally { all: spent, day: 0, today: spent }, cost: ONE }.into()
}

fn drawn(n: u8, messages: u64) -> At<Event> {
    Event::BudgetDrawn { session: session(n), drawn: Amounts { messages, ..Amounts::default() } }.into()
}

fn told(of: Span, (used, limit): (u64, u64), at_percent: u8) -> At<Event> {
    Event::BudgetReached { reached: Reached { what: Measure::Messages, of, used, limit }, at_percent }.into()
}

fn used_up(of: Span, used: u64, limit: u64) -> Rejection {
    Rejection::BudgetReached(Reached { what: Measure::Messages, of, used, limit })
}

#[test]
fn sessions_draw_one_by_one_what_there_is_little_of() {
    given([for_messages(Some(10), None)]).when(draw(1, 0)).then([drawn(1, 1)]);
    given([for_messages(Some(10), None), drawn(1, 1)]).when(draw(1, 0)).does_nothing();
    given([for_messages(Some(10), None), drawn(1, 1)]).when(draw(1, 1)).then([drawn(1, 1)]);
    let nearly = [for_messages(Some(10), None), drawn(1, 7)];
    given(nearly).when(draw(2, 0)).then([told(Span::Link, (8, 10), 80), drawn(2, 1)]);
    given([for_messages(Some(10), None), drawn(1, 10)]).when(draw(2, 0)).rejects(used_up(Span::Link, 10, 10));
}

#[test]
fn sessions_draw_a_part_of_what_there_is_much_of() {
    given([for_messages(Some(50_000), None)]).when(draw(1, 0)).then([drawn(1, 50)]);
}

#[test]
fn a_day_ends_at_midnight() {
    let all_of_a_day = || [for_messages(None, Some(2)), drawn(1, 2)];
    given(all_of_a_day()).when(draw(2, 0)).rejects(used_up(Span::Day, 2, 2));
    let next_day = minutes(24 * 60);
    given(all_of_a_day()).when(draw(2, 0).at(next_day)).then([drawn(2, 1)]);
}

#[test]
fn what_a_session_did_not_spend_is_free_again_when_it_ends() {
    let all = || [for_messages(Some(2), None), admitted(1), drawn(1, 2)];
    given(all()).when(draw(2, 0)).rejects(used_up(Span::Link, 2, 2));
    let spent = Tally { all: ONE, day: 0, today: ONE };
    let released = Event::Released { session: session(1), unused: false, spent: Some(spent) };
    given(all().into_iter().chain([released.into()])).when(draw(2, 0)).then([
        told(Span::Link, (2, 2), 80),
        told(Span::Link, (2, 2), 100),
        drawn(2, 1),
    ]);
}

#[test]
fn what_was_said_before_there_was_a_budget_counts() {
    given([for_messages(Some(5), None)]).when(draw(1, 5)).rejects(used_up(Span::Link, 5, 5));
    given([for_messages(Some(6), None)]).when(draw(1, 5)).then([
        told(Span::Link, (6, 6), 80),
        told(Span::Link, (6, 6), 100),
        drawn(1, 6),
    ]);
}

#[test]
fn nobody_comes_in_once_the_bytes_of_the_day_are_written() {
    let reached = Reached { what: Measure::Bytes, of: Span::Day, used: FIRST_BYTES, limit: FIRST_BYTES };
    let full = || given([opened(), admitted(1)]).under(|policy| policy.link_bytes_a_day = FIRST_BYTES);
    full().when(admit(2)).rejects(Rejection::BudgetReached(reached));
    full().when(readmit(1)).does_nothing();
}

#[test]
fn who_was_shut_out_does_not_come_in() {
    let (client, other) = (Fingerprint::new(id(1)), Fingerprint::new(id(2)));
    let block = |clients: Vec<Fingerprint>| Command::Block { session: session(1), clients, network: Some(other) };
    let blocked = || At::from(Event::Blocked { session: session(1), clients: vec![client], network: Some(other) });
    given([opened()]).when(block(vec![client])).then([blocked()]);
    given([opened(), blocked()]).when(block(vec![client])).does_nothing();
    let admit_from = |client| {
        let At { what: admit, .. } = admit(2);
        let Command::Admit { session, returning, start_before, passcode, recipient, .. } = admit else { unreachable!() };
        Command::Admit { session, returning, start_before, passcode, recipient, client: Some(client) }
    };
    given([opened(), blocked()]).when(admit_from(client)).rejects(Rejection::Blocked);
    given([opened(), blocked()]).when(admit_from(other)).then([admitted(2)]);
    let link = given([opened(), blocked()]).state;
    assert!(link.has_blocked_from(&other) && !link.has_blocked_from(&client));
    assert!(given([opened(), blocked(), revoked(), erased()]).state.blocked.is_empty());
}
