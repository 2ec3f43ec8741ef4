//! One event of every kind, with every field filled; those with optional fields twice. A new event must get its sample here.

use domain::abuse::{Level, Reason, Signs};
use domain::budget::{Amounts, Limits, Measure, Reached, Span, Tally};
use domain::session::Origin;
use domain::{
    Budget, DeviceId, Fingerprint, HandoffId, KeyId, LinkId, Millis, QuestionId, SaltedHash, SessionId, Timestamp, agent, link,
    session,
};
use nats::AnyEvent;

use crate::world::sealed;

/// Gives every sample a name of its own: the wire name, and what is special about it.
pub(crate) fn all() -> Vec<(&'static str, AnyEvent)> {
    let mut all = Vec::new();
    all.extend(agent().into_iter().map(|(name, event)| (name, AnyEvent::Agent(event))));
    all.extend(link().into_iter().map(|(name, event)| (name, AnyEvent::Link(event))));
    all.extend(session().into_iter().map(|(name, event)| (name, AnyEvent::Session(event))));
    all
}

/// Breaks the build when an event is added: then add a sample and count it here.
pub(crate) const fn kinds(event: &AnyEvent) -> usize {
    match event {
        AnyEvent::Agent(event) => match event {
            agent::Event::Registered { .. }
            | agent::Event::KeyIssued { .. }
            | agent::Event::KeyRotated { .. }
            | agent::Event::KeyRevoked { .. }
            | agent::Event::WebhookSet { .. } => 5,
        },
        AnyEvent::Link(event) => match event {
            link::Event::Opened { .. }
            | link::Event::Updated { .. }
            | link::Event::Paused
            | link::Event::Resumed
            | link::Event::TokenRotated { .. }
            | link::Event::Revoked { .. }
            | link::Event::Expiring { .. }
            | link::Event::Expired
            | link::Event::Admitted { .. }
            | link::Event::BudgetDrawn { .. }
            | link::Event::BudgetReached { .. }
            | link::Event::Blocked { .. }
            | link::Event::AbuseNoticed { .. }
            | link::Event::Released { .. }
            | link::Event::Erased
            | link::Event::WebhookSet { .. } => 16,
        },
        AnyEvent::Session(event) => match event {
            session::Event::Started { .. }
            | session::Event::MessagePosted { .. }
            | session::Event::QuestionAsked { .. }
            | session::Event::QuestionAnswered { .. }
            | session::Event::DecisionMade { .. }
            | session::Event::QuestionClosed { .. }
            | session::Event::MarkedRead { .. }
            | session::Event::WentIdle
            | session::Event::Resumed
            | session::Event::Rescheduled { .. }
            | session::Event::Rated { .. }
            | session::Event::HandoffOffered { .. }
            | session::Event::HandoffMissed
            | session::Event::DeviceAdded { .. }
            | session::Event::DeviceForgotten { .. }
            | session::Event::BudgetReached { .. }
            | session::Event::BudgetSet { .. }
            | session::Event::Reported { .. }
            | session::Event::EndPlanned { .. }
            | session::Event::EndCalledOff { .. }
            | session::Event::Flooded { .. }
            | session::Event::AbuseNoticed { .. }
            | session::Event::Ended { .. }
            | session::Event::Erased => 24,
        },
    }
}

const AT: Timestamp = Timestamp(1_700_000_000_000);
const HASH: Fingerprint = Fingerprint::new([9; 16]);
const KEY: KeyId = KeyId::new([2; 16]);

fn agent() -> Vec<(&'static str, agent::Event)> {
    use agent::{Event, Grant, Scope, Webhook};
    let scopes = Some([Scope::EndSessions, Scope::WriteLinks, Scope::WriteMessages, Scope::Read].into());
    let narrow = Grant { scopes, link: Some(LinkId::new([5; 16])), expires_at: Some(AT) };
    let webhook = Webhook { url: "https://example.org/hook".to_owned(), with_text: false, rotation: 2 };
    vec![
        ("agent.registered", Event::Registered { name: "Ada".to_owned() }),
        ("agent.key_issued", Event::KeyIssued { key: KEY, name: "laptop".to_owned(), hash: [3; 32], grant: Grant::default() }),
        ("agent.key_issued-narrow", Event::KeyIssued { key: KEY, name: "laptop".to_owned(), hash: [3; 32], grant: narrow }),
        ("agent.key_rotated", Event::KeyRotated { key: KEY, hash: [4; 32], until: Timestamp(8), expires_at: Some(Timestamp(9)) }),
        ("agent.key_rotated-for_ever", Event::KeyRotated { key: KEY, hash: [4; 32], until: Timestamp(8), expires_at: None }),
        ("agent.key_revoked", Event::KeyRevoked { key: KEY }),
        ("agent.webhook_set", Event::WebhookSet { webhook: Some(webhook) }),
        ("agent.webhook_set-removed", Event::WebhookSet { webhook: None }),
    ]
}

fn link() -> Vec<(&'static str, link::Event)> {
    use link::Event;
    let session = SessionId::new([6; 16]);
    let amounts = Amounts { messages: 3, characters: 400, turns: 2, bytes: 70_000 };
    let spent = Tally { all: amounts, day: 20_000, today: Amounts { messages: 1, ..Amounts::default() } };
    let webhook = agent::Webhook { url: "https://example.org/link".to_owned(), with_text: true, rotation: 1 };
    vec![
        ("link.opened", Event::Opened { settings: Box::new(full_settings()) }),
        ("link.opened-least", Event::Opened { settings: Box::new(least_settings()) }),
        ("link.updated", Event::Updated { settings: Box::new(full_settings()) }),
        ("link.updated-budget", Event::Updated { settings: Box::new(link::Settings { budget: budget(), ..least_settings() }) }),
        ("link.paused", Event::Paused),
        ("link.resumed", Event::Resumed),
        ("link.token_rotated", Event::TokenRotated { rotation: 3 }),
        ("link.revoked", Event::Revoked { end_sessions: true, farewell: Some(sealed("bye")) }),
        ("link.revoked-silently", Event::Revoked { end_sessions: false, farewell: None }),
        ("link.expiring", Event::Expiring { expires_at: AT }),
        ("link.expired", Event::Expired),
        ("link.admitted", Event::Admitted { session, returning: true, start_before: AT, recipient: None, bytes: 0 }),
        (
            "link.admitted-recipient",
            Event::Admitted { session, returning: false, start_before: AT, recipient: Some(1), bytes: 0 },
        ),
        ("link.admitted-bytes", Event::Admitted { session, returning: false, start_before: AT, recipient: None, bytes: 70_000 }),
        ("link.abuse_noticed", Event::AbuseNoticed { reason: Reason::PasscodeGuesses }),
        ("link.released", Event::Released { session, unused: false, spent: None }),
        ("link.released-unused", Event::Released { session, unused: true, spent: None }),
        ("link.released-spent", Event::Released { session, unused: false, spent: Some(spent) }),
        ("link.budget_drawn", Event::BudgetDrawn { session, drawn: amounts }),
        ("link.budget_reached", Event::BudgetReached { reached: reached(Span::Day), at_percent: 80 }),
        ("link.blocked", Event::Blocked { session, clients: vec![HASH], network: Some(HASH) }),
        ("link.blocked-least", Event::Blocked { session, clients: vec![HASH], network: None }),
        ("link.erased", Event::Erased),
        ("link.webhook_set", Event::WebhookSet { webhook: Some(webhook) }),
        ("link.webhook_set-removed", Event::WebhookSet { webhook: None }),
    ]
}

fn budget() -> Budget {
    let of = |messages| Limits { messages: Some(messages), ..Limits::default() };
    Budget { session: Limits { messages: Some(9), characters: Some(900), turns: Some(90) }, link: of(99), day: of(50) }
}

fn reached(of: Span) -> Reached {
    Reached { what: Measure::Characters, of, used: 800, limit: 1_000 }
}

fn full_settings() -> link::Settings {
    link::Settings {
        title: sealed("title"),
        purpose: Some(sealed("purpose")),
        description: Some(sealed("description")),
        welcome_message: Some(sealed("welcome")),
        agent_name: Some(sealed("name")),
        passcode: Some(sealed("verifier")),
        expires_at: AT,
        max_sessions_at_once: 5,
        max_sessions_total: Some(20),
        max_messages_per_session: 300,
        messages_per_minute: 10,
        idle_timeout: Millis::minutes(15),
        keep_after_end: Millis::minutes(60),
        language: Some("de-AT".to_owned()),
        allowed_origins: vec!["https://example.org".to_owned()],
        questions: Some(link::Questions { question: QuestionId::new([4; 16]), form: sealed("form"), fields: 3, required: 0b101 }),
        recipients: Some(link::Recipients { labels: sealed("labels"), count: 2 }),
        budget: Budget::default(),
    }
}

fn least_settings() -> link::Settings {
    link::Settings {
        purpose: None,
        description: None,
        welcome_message: None,
        agent_name: None,
        passcode: None,
        max_sessions_total: None,
        language: None,
        allowed_origins: vec![],
        questions: None,
        recipients: None,
        ..full_settings()
    }
}

#[expect(clippy::too_many_lines, reason = "one sample of each event")]
fn session() -> Vec<(&'static str, session::Event)> {
    use session::{Author, Choice, Closing, DecisionTerms, EndReason, Event, MessageKind, Reader, Terms, Verdict, Words};
    let link = LinkId::new([5; 16]);
    let question = QuestionId::new([4; 16]);
    let settings = session::Settings {
        expires_at: AT,
        max_messages: 300,
        messages_per_minute: 10,
        idle_timeout: Millis::minutes(15),
        keep_after_end: Millis::minutes(60),
        budget: Limits::default(),
    };
    let ended = |reason| Event::Ended { reason };
    let closed = |why| Event::QuestionClosed { question, why, replaced_by: None, values: None, reason: None };
    let decided = |verdict, words| Event::DecisionMade {
        question,
        verdict,
        payload: SaltedHash([8; 32]),
        words,
        document: sealed("document"),
    };
    let posted = |from, kind| Event::MessagePosted { from, text: sealed("hello"), kind, client_message_id: None, signs: None };
    vec![
        (
            "session.started",
            Event::Started {
                link,
                settings: settings.clone(),
                display_name: Some(sealed("Bo")),
                language: Some("en".to_owned()),
                recipient: Some(1),
                origin: None,
            },
        ),
        (
            "session.started-origin",
            Event::Started {
                link,
                settings: session::Settings { budget: budget().session, ..settings.clone() },
                display_name: None,
                language: None,
                recipient: None,
                origin: Some(Origin { client: HASH, network: Some(HASH) }),
            },
        ),
        (
            "session.started-least",
            Event::Started { link, settings, display_name: None, language: None, recipient: None, origin: None },
        ),
        ("session.message_posted", posted(Author::Chatter, None)),
        (
            "session.message_posted-with_client_message_id",
            Event::MessagePosted {
                from: Author::Chatter,
                text: sealed("hello"),
                kind: None,
                client_message_id: Some(sealed("0b8a9e3c-7f0d-4c58-9a52-0d4d1f6f2b11")),
                signs: None,
            },
        ),
        (
            "session.message_posted-signs",
            Event::MessagePosted {
                from: Author::Chatter,
                text: sealed("hello"),
                kind: None,
                client_message_id: None,
                signs: Some(Signs { likeness: Some(0x0102_0304), addresses: 3 }),
            },
        ),
        ("session.message_posted-agent", posted(Author::Agent(KEY), Some(MessageKind::Farewell))),
        ("session.message_posted-system", posted(Author::System, Some(MessageKind::Welcome))),
        (
            "session.question_asked",
            Event::QuestionAsked {
                question,
                from: Author::Agent(KEY),
                form: sealed("form"),
                fields: 3,
                required: 0b101,
                terms: Terms::default(),
            },
        ),
        (
            "session.question_asked-terms",
            Event::QuestionAsked {
                question,
                from: Author::Agent(KEY),
                form: sealed("form"),
                fields: 3,
                required: 0b101,
                terms: Terms { is_final: true, answer_by: Some(AT), if_silent: Some(sealed("silent")), decision: None },
            },
        ),
        (
            "session.question_asked-decision",
            Event::QuestionAsked {
                question,
                from: Author::Agent(KEY),
                form: sealed("payload"),
                fields: 0,
                required: 0,
                terms: Terms {
                    is_final: true,
                    answer_by: None,
                    if_silent: None,
                    decision: Some(DecisionTerms {
                        allow: [Choice::Approve, Choice::Reject, Choice::Edit, Choice::Respond].into(),
                        payload: SaltedHash([8; 32]),
                        if_timed_out: sealed("timed out"),
                    }),
                },
            },
        ),
        ("session.decision_made", decided(Verdict::Approved, None)),
        ("session.decision_made-rejected", decided(Verdict::Rejected, None)),
        ("session.decision_made-edited", decided(Verdict::Edited, Some(Words { hash: SaltedHash([9; 32]), characters: 7 }))),
        ("session.decision_made-responded", decided(Verdict::Responded, None)),
        ("session.decision_made-timed_out", decided(Verdict::TimedOut, None)),
        ("session.question_closed", closed(Closing::Answered)),
        (
            "session.question_closed-replaced",
            Event::QuestionClosed {
                question,
                why: Closing::Replaced,
                replaced_by: Some(QuestionId::new([7; 16])),
                values: None,
                reason: None,
            },
        ),
        (
            "session.question_closed-withdrawn",
            Event::QuestionClosed {
                question,
                why: Closing::Withdrawn,
                replaced_by: None,
                values: None,
                reason: Some(sealed("why")),
            },
        ),
        (
            "session.question_closed-timed_out",
            Event::QuestionClosed {
                question,
                why: Closing::TimedOut,
                replaced_by: None,
                values: Some(sealed("silent")),
                reason: None,
            },
        ),
        ("session.question_closed-session_ended", closed(Closing::SessionEnded)),
        (
            "session.question_answered",
            Event::QuestionAnswered { question, values: sealed("values"), answered: 0b110, withdrawn: 0b001, missing: 0b001 },
        ),
        ("session.marked_read", Event::MarkedRead { by: Reader::Chatter, upto: 70_000 }),
        ("session.marked_read-agent", Event::MarkedRead { by: Reader::Agent(KEY), upto: 7 }),
        ("session.went_idle", Event::WentIdle),
        ("session.resumed", Event::Resumed),
        ("session.rescheduled", Event::Rescheduled { expires_at: AT }),
        ("session.rated", Event::Rated { rating: 5, feedback: Some(sealed("good")) }),
        ("session.rated-silently", Event::Rated { rating: 1, feedback: None }),
        ("session.handoff_offered", Event::HandoffOffered { code: HandoffId::new([5; 16]), expires_at: AT }),
        ("session.handoff_missed", Event::HandoffMissed),
        ("session.device_added", Event::DeviceAdded { device: DeviceId::new([6; 16]), client: None }),
        ("session.device_added-client", Event::DeviceAdded { device: DeviceId::new([6; 16]), client: Some(HASH) }),
        ("session.device_forgotten", Event::DeviceForgotten { device: DeviceId::new([6; 16]) }),
        ("session.budget_reached", Event::BudgetReached { reached: reached(Span::Session), at_percent: 100 }),
        ("session.budget_set", Event::BudgetSet { budget: budget().session }),
        ("session.budget_set-none", Event::BudgetSet { budget: Limits::default() }),
        ("session.reported", Event::Reported { reason: sealed("abuse") }),
        ("session.end_planned", Event::EndPlanned { at: AT, farewell: Some(sealed("bye")) }),
        ("session.end_planned-silently", Event::EndPlanned { at: AT, farewell: None }),
        ("session.end_called_off", Event::EndCalledOff { by: Author::Chatter }),
        ("session.flooded", Event::Flooded { messages: 10 }),
        (
            "session.abuse_noticed",
            Event::AbuseNoticed { level: Level::Slowed, reasons: [Reason::Flood, Reason::RepeatedText].into() },
        ),
        ("session.ended", ended(EndReason::ChatterLeft)),
        ("session.ended-agent_ended", ended(EndReason::AgentEnded)),
        ("session.ended-link_expired", ended(EndReason::LinkExpired)),
        ("session.ended-link_revoked", ended(EndReason::LinkRevoked)),
        ("session.ended-message_limit", ended(EndReason::MessageLimit)),
        ("session.ended-blocked", ended(EndReason::Blocked)),
        ("session.ended-erased", ended(EndReason::Erased)),
        ("session.erased", Event::Erased),
    ]
}
