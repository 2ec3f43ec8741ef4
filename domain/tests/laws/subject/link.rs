//! Any link.

use domain::link::{Changes, Command, Event, Link, MoreRecipients, Passcode, Recipients, Release, Settings};
use domain::{Millis, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use super::agent::webhook;
use super::{Subject, count, maybe, millis, sealed, session_id, short_text, timestamp};

/// Settings that a link opens with at the beginning of time.
fn acceptable() -> impl Strategy<Value = Box<Settings>> {
    let texts = (short_text(), maybe(short_text()), maybe(short_text()));
    let numbers = (30_i64..900, 1_u32..5, maybe(1_u32..5), 0_i64..100);
    let recipients = maybe((short_text(), 1_u8..4).prop_map(|(labels, count)| Recipients { labels, count }));
    (texts, numbers, recipients).prop_map(|((title, welcome_message, passcode), (lifetime, at_once, total, keep), recipients)| {
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
            questions: None,
            recipients,
        })
    })
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
    (session_id(), any::<bool>(), timestamp(), passcode(), maybe(0_u8..4)).prop_map(
        |(session, returning, start_before, passcode, recipient)| Command::Admit {
            session,
            returning,
            start_before,
            passcode,
            recipient,
        },
    )
}

fn release() -> impl Strategy<Value = Command> {
    let reason = prop_oneof![Just(Release::Left), Just(Release::Idle), Just(Release::Unused)];
    (session_id(), reason).prop_map(|(session, reason)| Command::Release { session, reason })
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
                recipient: None
            }),
            (session_id(), any::<bool>()).prop_map(|(session, unused)| Event::Released { session, unused }),
            Just(Event::Erased),
            maybe(webhook()).prop_map(|webhook| Event::WebhookSet { webhook }),
        ]
        .boxed()
    }
}
