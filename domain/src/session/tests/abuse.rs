//! What a session makes of signs of abuse.

use std::collections::BTreeSet;

use super::*;
use crate::abuse::{Level, Reason, Signs};
use crate::spec::seconds;

const SPAM: Signs = Signs { likeness: Some(1), addresses: 0 };

fn spammed(at: Timestamp) -> At<Event> {
    let posted =
        Event::MessagePosted { from: Author::Chatter, text: text(50), kind: None, client_message_id: None, signs: Some(SPAM) };
    At::from(posted).at(at)
}

fn spam(is_paid: bool) -> At<Command> {
    Command::Post { from: Author::Chatter, text: text(50), kind: None, client_message_id: None, signs: Some(SPAM), is_paid }
        .into()
}

fn noticed(level: Level) -> At<Event> {
    Event::AbuseNoticed { level, reasons: BTreeSet::from([Reason::RepeatedText]) }.into()
}

/// A session in which the same long text was posted so often, in pace with the clock.
fn given_spam(times: u8) -> Given<Session> {
    let quick = started_with(|settings| settings.messages_per_minute = 100);
    given(std::iter::once(quick).chain((1..=times).map(|n| spammed(seconds(i64::from(n))))))
}

#[test]
fn the_agent_is_told_in_the_commit_that_reaches_a_level() {
    given_spam(6).when(spam(false)).then([noticed(Level::Noticed), spammed(minutes(0))]);
    given_spam(5).when(spam(false)).then([spammed(minutes(0))]);
}

#[test]
fn who_is_slowed_has_a_quarter_of_the_minutes_messages() {
    // Of 100 a minute 25 are left, and 11 have been.
    given_spam(11).when(say()).then([said()]);
    let most = (1..=25).map(|n| said().at(seconds(n)));
    let flooded = At::from(Event::Flooded { messages: 30 }).at(seconds(25));
    let quick = started_with(|settings| settings.messages_per_minute = 100);
    let history = std::iter::once(quick).chain(most).chain([flooded]);
    given(history).when(say()).rejects(Rejection::RateLimited { retry_at: seconds(61) });
}

#[test]
fn who_is_priced_pays_for_each_message_or_waits() {
    let free_at = |decided: Given<Session>| match decided.state.suspicion.is_priced_until(seconds(16)) {
        Some(free_at) => free_at,
        None => unreachable!("16 repeats are priced"),
    };
    let when = free_at(given_spam(16));
    given_spam(16).when(say()).rejects(Rejection::ProofRequired { free_at: when });
    given_spam(16).when(say().at(when)).then([said()]);
    let paid =
        Command::Post { from: Author::Chatter, text: text(5), kind: None, client_message_id: None, signs: None, is_paid: true };
    given_spam(16).when(paid).then([said()]);
    given_spam(16).when(reply()).then([replied()]);
}

#[test]
fn who_is_closed_out_says_nothing_and_the_agent_still_may() {
    let closed = || given([started(), noticed(Level::Closed)]);
    closed().when(spam(true)).rejects(Rejection::Abuse);
    closed().when(reply()).then([replied()]);
    let asked_and_closed = given([started(), asked(1, 1, 1), noticed(Level::Closed)]);
    asked_and_closed.when(answer(1, 1)).rejects(Rejection::Abuse);
    closed().when(Command::NoteFlood { messages: 10 }).does_nothing();
}

#[test]
fn a_flood_of_a_chat_that_is_over_is_not_noted() {
    given([started(), ended(EndReason::ChatterLeft)]).when(Command::NoteFlood { messages: 10 }).does_nothing();
    given([started()]).when(Command::NoteFlood { messages: 10 }).then([Event::Flooded { messages: 10 }.into()]);
    let told = Event::AbuseNoticed { level: Level::Noticed, reasons: BTreeSet::from([Reason::Flood]) };
    given([started(), Event::Flooded { messages: 10 }.into()])
        .when(Command::NoteFlood { messages: 10 })
        .then([told.into(), Event::Flooded { messages: 10 }.into()]);
}
