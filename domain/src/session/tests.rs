//! The session's rules, one a test.

mod abuse;
mod budgets;
mod closing;
mod decisions;
mod devices;
mod ending;
mod idling;
mod planned_end;
mod questions;
mod reading;
mod starting;
mod talking;
mod unread;

use super::{
    Asked, Author, Choice, Closing, Command, DecisionTerms, EndReason, Event, MessageKind, Reader, Rejection, Session, Settings,
    Start, Terms, Verdict, Wish, Words,
};
use crate::budget::Limits;
use crate::spec::{At, Given, id, minutes, text};
use crate::{Aggregate, KeyId, LinkId, Millis, QuestionId, SaltedHash, Sealed, Timestamp, spec};

fn given(history: impl IntoIterator<Item = At<Event>>) -> Given<Session> {
    spec::given(history)
}

fn key(n: u8) -> KeyId {
    KeyId::new(id(n))
}

fn agent() -> Author {
    Author::Agent(key(1))
}

fn question(n: u8) -> QuestionId {
    QuestionId::new(id(n))
}

/// An hour, idle after half of it, kept for ten minutes.
fn settings() -> Settings {
    Settings {
        expires_at: minutes(60),
        max_messages: 100,
        messages_per_minute: 10,
        idle_timeout: Millis::minutes(30),
        keep_after_end: Millis::minutes(10),
        budget: Limits::default(),
    }
}

fn start_with(change: impl FnOnce(&mut Start)) -> Command {
    let mut start = Start {
        link: LinkId::new(id(1)),
        settings: settings(),
        start_before: minutes(1),
        display_name: None,
        language: None,
        welcome: None,
        question: None,
        recipient: None,
        origin: None,
    };
    change(&mut start);
    Command::Start(Box::new(start))
}

fn started() -> At<Event> {
    started_with(|_| {})
}

fn started_with(change: impl FnOnce(&mut Settings)) -> At<Event> {
    let mut settings = settings();
    change(&mut settings);
    Event::Started { link: LinkId::new(id(1)), settings, display_name: None, language: None, recipient: None, origin: None }
        .into()
}

fn said_by(from: Author) -> At<Event> {
    Event::MessagePosted { from, text: text(5), kind: None, client_message_id: None, signs: None }.into()
}

fn said() -> At<Event> {
    said_by(Author::Chatter)
}

fn replied() -> At<Event> {
    said_by(agent())
}

fn welcomed() -> At<Event> {
    Event::MessagePosted {
        from: Author::System,
        text: text(5),
        kind: Some(MessageKind::Welcome),
        client_message_id: None,
        signs: None,
    }
    .into()
}

fn asked(n: u8, fields: u8, required: u8) -> At<Event> {
    asked_on(n, fields, required, Terms::default())
}

fn asked_on(n: u8, fields: u8, required: u8, terms: Terms) -> At<Event> {
    Event::QuestionAsked { question: question(n), from: agent(), form: text(50), fields, required, terms }.into()
}

/// Asks of which the first complete answer is final.
fn asked_for_good(n: u8, fields: u8, required: u8) -> At<Event> {
    asked_on(n, fields, required, Terms { is_final: true, ..Terms::default() })
}

fn closed(n: u8, why: Closing) -> At<Event> {
    Event::QuestionClosed { question: question(n), why, replaced_by: None, values: None, reason: None }.into()
}

fn answered(n: u8, fields: u8) -> At<Event> {
    answered_but(n, fields, 0)
}

fn answered_but(n: u8, fields: u8, missing: u8) -> At<Event> {
    Event::QuestionAnswered { question: question(n), values: text(20), answered: fields, withdrawn: 0, missing }.into()
}

fn marked(by: Reader, upto: u64) -> At<Event> {
    Event::MarkedRead { by, upto }.into()
}

fn went_idle() -> At<Event> {
    Event::WentIdle.into()
}

fn resumed() -> At<Event> {
    Event::Resumed.into()
}

fn rescheduled(expires_at: Timestamp) -> At<Event> {
    Event::Rescheduled { expires_at }.into()
}

fn rated(rating: u8) -> At<Event> {
    Event::Rated { rating, feedback: None }.into()
}

fn ended(reason: EndReason) -> At<Event> {
    Event::Ended { reason }.into()
}

fn erased() -> At<Event> {
    Event::Erased.into()
}

fn post_as(from: Author, text: Sealed) -> At<Command> {
    Command::Post { from, text, kind: None, client_message_id: None, signs: None, is_paid: false }.into()
}

fn say() -> At<Command> {
    post_as(Author::Chatter, text(5))
}

fn reply() -> At<Command> {
    post_as(agent(), text(5))
}

fn ask(n: u8, fields: u8, required: u8) -> At<Command> {
    ask_on(n, fields, required, Wish::default())
}

fn ask_on(n: u8, fields: u8, required: u8, wish: Wish) -> At<Command> {
    Command::Ask { question: question(n), from: agent(), form: text(50), fields, required, wish }.into()
}

fn answer(n: u8, fields: u8) -> At<Command> {
    Command::Answer { question: question(n), values: text(20), answered: fields, withdrawn: 0 }.into()
}

fn mark(by: Reader, upto: u64) -> At<Command> {
    Command::MarkRead { by, upto: upto.into() }.into()
}

fn go_idle() -> At<Command> {
    Command::GoIdle.into()
}

fn resume_before(start_before: Timestamp) -> At<Command> {
    Command::Resume { start_before }.into()
}

fn resume() -> At<Command> {
    resume_before(minutes(1_000))
}

fn reschedule(expires_at: Timestamp) -> At<Command> {
    Command::Reschedule { expires_at }.into()
}

fn rate(rating: u8) -> At<Command> {
    Command::Rate { rating, feedback: None }.into()
}

fn end(reason: EndReason) -> At<Command> {
    Command::End { reason, farewell: None }.into()
}

fn expire() -> At<Command> {
    Command::Expire.into()
}

fn erase(requested: bool) -> At<Command> {
    Command::Erase { requested }.into()
}

fn not_due(until: Timestamp) -> Rejection {
    Rejection::NotDue { until }
}

fn time_is_up() -> Rejection {
    Rejection::Ended { reason: EndReason::LinkExpired }
}

/// Every command that adds words or questions.
fn all_words() -> [At<Command>; 5] {
    [say(), reply(), post_as(Author::System, text(5)), ask(1, 1, 1), answer(1, 1)]
}

#[test]
fn only_what_a_later_event_could_overturn_asks_for_fresh_state() {
    for rejection in [
        Rejection::Unknown,
        Rejection::Idle,
        time_is_up(),
        Rejection::RateLimited { retry_at: minutes(1) },
        Rejection::TooManyQuestions { limit: 1 },
        Rejection::QuestionUnknown { question: question(1) },
        Rejection::ReadTooSoon { retry_at: minutes(1) },
        Rejection::HandoffUnknown,
        not_due(minutes(1)),
        Rejection::StillOpen,
    ] {
        assert!(Session::could_change(&rejection), "{rejection:?}");
    }
    for rejection in [
        Rejection::AlreadyStarted,
        Rejection::TooLate { start_before: minutes(1) },
        Rejection::Ended { reason: EndReason::AgentEnded },
        Rejection::Erased,
        Rejection::TextEmpty,
        Rejection::TextTooLong { characters: 2, limit: 1 },
        Rejection::MessageLimit { limit: 1 },
        Rejection::FieldCount { fields: 0, limit: 8 },
        Rejection::QuestionExists,
        Rejection::QuestionClosed,
        Rejection::NothingToChoose,
        Rejection::ChoiceNotAllowed { choice: Choice::Edit },
        Rejection::AnswerMismatch,
        Rejection::TimeOutOfRange { given: Millis(0), least: Millis(1), most: Millis(2) },
        Rejection::RatingOutOfRange { given: 0 },
        Rejection::AlreadyRated,
        Rejection::TooManyHandoffs { limit: 1 },
        Rejection::TooManyDevices { limit: 1 },
    ] {
        assert!(!Session::could_change(&rejection), "{rejection:?}");
    }
}
