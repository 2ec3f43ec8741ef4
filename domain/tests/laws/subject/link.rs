//! Any link.

use domain::abuse::Reason;
use domain::link::{Changes, Command, Event, Link, MoreRecipients, Passcode, Recipients, Release, Settings};
use domain::{Budget, Millis, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use super::agent::webhook;
use super::{Subject, amounts, count, hash, limits, maybe, millis, reached, sealed, session_id, short_text, tally, timestamp};

/// Settings that a link opens with at the beginning of time.
fn acceptable() -> impl Strategy<Value = Box<Settings>> {
    let texts = (short_text(), maybe(short_text()), maybe(short_text()));
    let numbers = (30_i64..900, 1_u32..5, maybe(1_u32..5), 0_i64..100);
    let recipients = maybe((short_text(), 1_u8..4).prop_map(|(labels, count)| Recipients { labels, count }));
    (texts, numbers, recipients, budget()).prop_map(|(texts, (lifetime, at_once, total, keep), recipients, budget)| {
        let (title, welcome_message, passcode) = texts;
        Box::new(Settings {
            title,
            purpose: None,
            description: None,
            welcome_message,
            agent_name: None,
            passcode,
            expires_at: Timestamp(0) + Millis::minutes(lifetime),
            max_sessions_at_once: at_once,
            max_sessions_total: total,
            max_messages_per_session: 100,
            messages_per_minute: 10,
            idle_timeout: Millis::minutes(30),
            keep_after_end: Millis::minutes(keep),
            language: None,
            allowed_origins: vec![],
            budget,
            questions: None,
            recipients,
        })
    })
}

fn budget() -> impl Strategy<Value = Budget> {
    (limits(), limits(), limits()).prop_map(|(session, link, day)| Budget { session, link, day })
}

/// Any settings at all.
fn settings() -> impl Strategy<Value = Box<Settings>> {
    let texts = (sealed(), maybe(sealed()), maybe(sealed()), maybe(sealed()), maybe(sealed()), maybe(sealed()));
    let numbers = (timestamp(), count(), maybe(count()), count(), count(), millis(), millis());
    let names = (maybe("[a-z-]{0,40}"), vec("[a-z]{0,9}", 0..3));
    (texts, numbers, names).prop_map(|(texts, numbers, (language, allowed_origins))| {
        let (title, purpose, description, welcome_message, agent_name, passcode) = texts;
        let (
            expires_at,
            max_sessions_at_once,
            max_sessions_total,
            max_messages_per_session,
            messages_per_minute,
            idle_timeout,
            keep_after_end,
        ) = numbers;
        Box::new(Settings {
            title,
            purpose,
            description,
            welcome_message,
            agent_name,
            passcode,
            expires_at,
            max_sessions_at_once,
            max_sessions_total,
            max_messages_per_session,
            messages_per_minute,
            idle_timeout,
            keep_after_end,
            language,
            allowed_origins,
            budget: Budget::default(),
            questions: None,
            recipients: None,
        })
    })
}

fn changes() -> impl Strategy<Value = Box<Changes>> {
    let texts = (maybe(short_text()), maybe(maybe(sealed())), maybe(maybe(short_text())));
    let numbers = (maybe(timestamp()), maybe(count()), maybe(maybe(count())), maybe(millis()), maybe(millis()));
    let more =
        maybe((0_u8..4, 0_u8..3, short_text()).prop_map(|(before, added, labels)| MoreRecipients { before, added, labels }));
    (texts, numbers, more).prop_map(|(texts, (expires_at, at_once, total, idle_timeout, keep_after_end), more_recipients)| {
        let (title, purpose, passcode) = texts;
        Box::new(Changes {
            title,
            purpose,
            passcode,
            expires_at,
            max_sessions_at_once: at_once,
            max_sessions_total: total,
            idle_timeout,
            keep_after_end,
            more_recipients,
            ..Changes::default()
        })
    })
}

fn passcode() -> impl Strategy<Value = Passcode> {
    prop_oneof![1 => Just(Passcode::Missing), 1 => Just(Passcode::Wrong), 6 => Just(Passcode::Right)]
}

fn admit() -> impl Strategy<Value = Command> {
    (session_id(), any::<bool>(), timestamp(), passcode(), maybe(0_u8..4), maybe(hash())).prop_map(
        |(session, returning, start_before, passcode, recipient, client)| Command::Admit {
            session,
            returning,
            start_before,
            passcode,
            recipient,
            client,
        },
    )
}

fn release() -> impl Strategy<Value = Command> {
    let reason = prop_oneof![Just(Release::Left), Just(Release::Idle), Just(Release::Unused)];
    (session_id(), reason, maybe(tally())).prop_map(|(session, reason, spent)| Command::Release { session, reason, spent })
}

fn draw() -> impl Strategy<Value = Command> {
    (session_id(), tally(), amounts()).prop_map(|(session, spent, cost)| Command::Draw { session, spent, cost })
}

impl Subject for Link {
    fn beginning() -> BoxedStrategy<Command> {
        acceptable().prop_map(Command::Open).boxed()
    }

    fn command() -> BoxedStrategy<Command> {
        prop_oneof![
            1 => settings().prop_map(Command::Open),
            3 => changes().prop_map(Command::Update),
            2 => Just(Command::Pause),
            4 => Just(Command::Resume),
            8 => draw(),
            1 => (session_id(), vec(hash(), 0..3), maybe(hash()))
                .prop_map(|(session, clients, network)| Command::Block { session, clients, network }),
            1 => Just(Command::NoticeAbuse { reason: Reason::PasscodeGuesses }),
            1 => Just(Command::RotateToken),
            1 => (any::<bool>(), maybe(sealed())).prop_map(|(end_sessions, farewell)| Command::Revoke { end_sessions, farewell }),
            2 => Just(Command::Warn),
            2 => Just(Command::Expire),
            32 => admit(),
            16 => release(),
            2 => Just(Command::Erase),
            1 => maybe(webhook()).prop_map(|webhook| Command::SetWebhook { webhook }),
        ]
        .boxed()
    }

    fn event() -> BoxedStrategy<Event> {
        let admitted = (session_id(), any::<bool>(), timestamp());
        prop_oneof![
            settings().prop_map(|settings| Event::Opened { settings }),
            settings().prop_map(|settings| Event::Updated { settings }),
            Just(Event::Paused),
            Just(Event::Resumed),
            any::<u32>().prop_map(|rotation| Event::TokenRotated { rotation }),
            (any::<bool>(), maybe(sealed())).prop_map(|(end_sessions, farewell)| Event::Revoked { end_sessions, farewell }),
            timestamp().prop_map(|expires_at| Event::Expiring { expires_at }),
            Just(Event::Expired),
            admitted.prop_map(|(session, returning, start_before)| Event::Admitted {
                session,
                returning,
                start_before,
                recipient: None,
                bytes: 0,
            }),
            (session_id(), amounts()).prop_map(|(session, drawn)| Event::BudgetDrawn { session, drawn }),
            (reached(), any::<u8>()).prop_map(|(reached, at_percent)| Event::BudgetReached { reached, at_percent }),
            (session_id(), vec(hash(), 0..3), maybe(hash())).prop_map(|(session, clients, network)| Event::Blocked {
                session,
                clients,
                network
            }),
            Just(Event::AbuseNoticed { reason: Reason::ManyFromOneNetwork }),
            (session_id(), any::<bool>(), maybe(tally())).prop_map(|(session, unused, spent)| Event::Released {
                session,
                unused,
                spent
            }),
            Just(Event::Erased),
            maybe(webhook()).prop_map(|webhook| Event::WebhookSet { webhook }),
        ]
        .boxed()
    }
}
