//! The link's rules, one a test.

mod abuse;
mod admission;
mod budgets;
mod closing;
mod opening;
mod recipients;
mod standing;
mod telling;
mod updating;

use super::{Changes, Command, Event, Link, MoreRecipients, Passcode, Questions, Recipients, Rejection, Release, Settings};
use crate::spec::{At, Given, id, minutes, seconds, text};
use crate::{Aggregate, Millis, Policy, QuestionId, Sealed, SessionId, Timestamp, spec};

/// What a newcomer to a link without a welcome and questions may write at first.
const FIRST_BYTES: u64 = 20 << 10;

fn given(history: impl IntoIterator<Item = At<Event>>) -> Given<Link> {
    spec::given(history)
}

fn session(n: u8) -> SessionId {
    SessionId::new(id(n))
}

/// Settings in the middle of every range: an hour, two places.
fn settings() -> Settings {
    Settings {
        max_sessions_at_once: 2,
        keep_after_end: Millis::minutes(10),
        ..Settings::usual(text(10), minutes(60), &Policy::default())
    }
}

fn questions(fields: u8) -> Questions {
    Questions { question: QuestionId::new(id(1)), form: text(50), fields, required: 1 }
}

fn settings_with(change: impl FnOnce(&mut Settings)) -> Box<Settings> {
    let mut settings = Box::new(settings());
    change(&mut settings);
    settings
}

fn opened() -> At<Event> {
    opened_with(|_| {})
}

fn opened_with(change: impl FnOnce(&mut Settings)) -> At<Event> {
    Event::Opened { settings: settings_with(change) }.into()
}

fn updated_with(change: impl FnOnce(&mut Settings)) -> At<Event> {
    Event::Updated { settings: settings_with(change) }.into()
}

fn paused() -> At<Event> {
    Event::Paused.into()
}

fn resumed() -> At<Event> {
    Event::Resumed.into()
}

fn expiring(expires_at: Timestamp) -> At<Event> {
    Event::Expiring { expires_at }.into()
}

fn expired() -> At<Event> {
    Event::Expired.into()
}

fn erased() -> At<Event> {
    Event::Erased.into()
}

fn rotated(rotation: u32) -> At<Event> {
    Event::TokenRotated { rotation }.into()
}

/// Closed to newcomers; who is in may stay.
fn closed() -> At<Event> {
    Event::Revoked { end_sessions: false, farewell: None }.into()
}

/// Taken back, with all sessions.
fn revoked() -> At<Event> {
    Event::Revoked { end_sessions: true, farewell: None }.into()
}

fn admitted(n: u8) -> At<Event> {
    Event::Admitted { session: session(n), returning: false, start_before: seconds(60), recipient: None, bytes: FIRST_BYTES }
        .into()
}

fn readmitted(n: u8) -> At<Event> {
    readmitted_before(n, seconds(60))
}

fn readmitted_before(n: u8, start_before: Timestamp) -> At<Event> {
    Event::Admitted { session: session(n), returning: true, start_before, recipient: None, bytes: 0 }.into()
}

fn released(n: u8) -> At<Event> {
    Event::Released { session: session(n), unused: false, spent: None }.into()
}

fn given_back_unused(n: u8) -> At<Event> {
    Event::Released { session: session(n), unused: true, spent: None }.into()
}

fn open_with(change: impl FnOnce(&mut Settings)) -> Command {
    Command::Open(settings_with(change))
}

fn update(changes: Changes) -> At<Command> {
    Command::Update(Box::new(changes)).into()
}

fn revoke(end_sessions: bool) -> At<Command> {
    revoke_saying(end_sessions, None)
}

fn revoke_saying(end_sessions: bool, farewell: Option<Sealed>) -> At<Command> {
    Command::Revoke { end_sessions, farewell }.into()
}

fn admit(n: u8) -> At<Command> {
    admit_with(n, Passcode::Missing)
}

fn admit_with(n: u8, passcode: Passcode) -> At<Command> {
    Command::Admit { session: session(n), returning: false, start_before: seconds(60), passcode, recipient: None, client: None }
        .into()
}

fn readmit(n: u8) -> At<Command> {
    readmit_before(n, seconds(60))
}

fn readmit_before(n: u8, start_before: Timestamp) -> At<Command> {
    Command::Admit {
        session: session(n),
        returning: true,
        start_before,
        passcode: Passcode::Missing,
        recipient: None,
        client: None,
    }
    .into()
}

fn release(n: u8, reason: Release) -> At<Command> {
    Command::Release { session: session(n), reason, spent: None }.into()
}

fn out_of_range(setting: &'static str, given: i64, least: i64, most: i64) -> Rejection {
    Rejection::OutOfRange { setting, given, least, most }
}

fn not_due(until: Timestamp) -> Rejection {
    Rejection::NotDue { until }
}

/// Every command but [`Command::Open`], as far as they can be asked of any link.
fn all_but_open() -> [At<Command>; 11] {
    [
        update(Changes { title: Some(text(1)), ..Changes::default() }),
        Command::Pause.into(),
        Command::Resume.into(),
        Command::RotateToken.into(),
        revoke(true),
        Command::Warn.into(),
        Command::Expire.into(),
        admit(1),
        release(1, Release::Left),
        Command::Erase.into(),
        Command::SetWebhook { webhook: None }.into(),
    ]
}

#[test]
fn only_what_a_later_event_could_overturn_asks_for_fresh_state() {
    for rejection in [
        Rejection::Unknown,
        Rejection::Paused,
        Rejection::Full { limit: 1 },
        Rejection::UsedUp { limit: 1 },
        Rejection::Expired,
        Rejection::TooManyStarts { retry_at: minutes(1) },
        Rejection::PasscodeRequired,
        Rejection::PasscodeWrong,
        not_due(minutes(1)),
        Rejection::RecipientsChanged { count: 1, expected: 0 },
        Rejection::InUse,
    ] {
        assert!(Link::could_change(&rejection), "{rejection:?}");
    }
    for rejection in [Rejection::AlreadyOpen, Rejection::Revoked, Rejection::Erased, out_of_range("title", 0, 1, 2)] {
        assert!(!Link::could_change(&rejection), "{rejection:?}");
    }
}
