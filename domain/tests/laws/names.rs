//! Wire names: a storage format, so unique, versioned, and the ones that serde writes.

use std::collections::BTreeSet;

use cqrs_es::DomainEvent;
use domain::agent::{self, Agent};
use domain::link::{self, Link};
use domain::session::{self, Session};
use domain::{Aggregate, KeyId, LinkId, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::subject::Subject;

/// Every name ever written; a name leaves this list only into a history that still reads it.
fn agent_name(event: &agent::Event) -> &'static str {
    match event {
        agent::Event::Registered { .. } => "agent.registered",
        agent::Event::KeyIssued { .. } => "agent.key_issued",
        agent::Event::KeyRotated { .. } => "agent.key_rotated",
        agent::Event::KeyRevoked { .. } => "agent.key_revoked",
        agent::Event::WebhookSet { .. } => "agent.webhook_set",
    }
}

fn link_name(event: &link::Event) -> &'static str {
    match event {
        link::Event::Opened { .. } => "link.opened",
        link::Event::Updated { .. } => "link.updated",
        link::Event::Paused => "link.paused",
        link::Event::Resumed => "link.resumed",
        link::Event::TokenRotated { .. } => "link.token_rotated",
        link::Event::Revoked { .. } => "link.revoked",
        link::Event::Expiring { .. } => "link.expiring",
        link::Event::Expired => "link.expired",
        link::Event::Admitted { .. } => "link.admitted",
        link::Event::BudgetDrawn { .. } => "link.budget_drawn",
        link::Event::BudgetReached { .. } => "link.budget_reached",
        link::Event::Blocked { .. } => "link.blocked",
        link::Event::AbuseNoticed { .. } => "link.abuse_noticed",
        link::Event::Released { .. } => "link.released",
        link::Event::Erased => "link.erased",
        link::Event::WebhookSet { .. } => "link.webhook_set",
    }
}

fn session_name(event: &session::Event) -> &'static str {
    match event {
        session::Event::Started { .. } => "session.started",
        session::Event::MessagePosted { .. } => "session.message_posted",
        session::Event::QuestionAsked { .. } => "session.question_asked",
        session::Event::QuestionAnswered { .. } => "session.question_answered",
        session::Event::DecisionMade { .. } => "session.decision_made",
        session::Event::QuestionClosed { .. } => "session.question_closed",
        session::Event::EndPlanned { .. } => "session.end_planned",
        session::Event::EndCalledOff { .. } => "session.end_called_off",
        session::Event::MarkedRead { .. } => "session.marked_read",
        session::Event::WentIdle => "session.went_idle",
        session::Event::Resumed => "session.resumed",
        session::Event::Rescheduled { .. } => "session.rescheduled",
        session::Event::Rated { .. } => "session.rated",
        session::Event::HandoffOffered { .. } => "session.handoff_offered",
        session::Event::HandoffMissed => "session.handoff_missed",
        session::Event::DeviceAdded { .. } => "session.device_added",
        session::Event::DeviceForgotten { .. } => "session.device_forgotten",
        session::Event::BudgetReached { .. } => "session.budget_reached",
        session::Event::BudgetSet { .. } => "session.budget_set",
        session::Event::Reported { .. } => "session.reported",
        session::Event::Flooded { .. } => "session.flooded",
        session::Event::AbuseNoticed { .. } => "session.abuse_noticed",
        session::Event::Ended { .. } => "session.ended",
        session::Event::Erased => "session.erased",
    }
}

/// Reads the name off what serde writes: a variant with fields is a map of one key, one without is its name.
fn written_name<E: DomainEvent>(event: &E) -> String {
    match serde_json::to_value(event).expect("every event can be written") {
        serde_json::Value::String(name) => name,
        serde_json::Value::Object(map) => map.keys().next().expect("a variant has a name").clone(),
        other => unreachable!("{other} is no variant"),
    }
}

/// Draws so many events that none is missing; a missing one fails the count that the test expects.
fn names<A: Subject>(expected: fn(&A::Event) -> &'static str) -> BTreeSet<&'static str> {
    let drawn = vec(A::event(), 500).new_tree(&mut TestRunner::deterministic()).expect("events can be drawn").current();
    for event in &drawn {
        let name = expected(event);
        assert_eq!(written_name(event), name);
        assert_eq!(event.event_type(), name);
        let mut parts = name.split('.');
        assert_eq!(parts.next(), Some(A::TYPE));
        assert!(
            parts.next().is_some_and(|act| !act.is_empty() && act.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
        );
        assert_eq!(event.event_version(), parts.next().unwrap_or("1"));
        assert_eq!(parts.next(), None);
    }
    drawn.iter().map(expected).collect()
}

#[test]
fn the_names_are_serdes_and_unique_and_versioned() {
    assert_eq!(names::<Agent>(agent_name).len(), 5);
    assert_eq!(names::<Link>(link_name).len(), 16);
    assert_eq!(names::<Session>(session_name).len(), 24);
}

#[test]
fn a_field_of_a_later_version_does_not_confuse_an_older_reader() {
    let later = serde_json::json!({ "session.rescheduled": { "expires_at": 7, "by": "someone" } });
    let read: session::Event = serde_json::from_value(later).expect("an unknown field is skipped");
    assert_eq!(read, session::Event::Rescheduled { expires_at: Timestamp(7) });
}

#[test]
fn who_acts_and_why_is_told_in_the_contracts_words() {
    let text = |value: serde_json::Result<String>| value.expect("plain values can be written");
    assert_eq!(text(serde_json::to_string(&session::Author::Chatter)), "\"chatter\"");
    assert_eq!(text(serde_json::to_string(&session::Author::System)), "\"system\"");
    let agent = session::Author::Agent(KeyId::new([0; 16]));
    assert_eq!(text(serde_json::to_string(&agent)), format!("{{\"agent\":\"{}\"}}", KeyId::new([0; 16])));
    let reasons = [
        (session::EndReason::ChatterLeft, "chatter_left"),
        (session::EndReason::AgentEnded, "agent_ended"),
        (session::EndReason::LinkExpired, "link_expired"),
        (session::EndReason::LinkRevoked, "link_revoked"),
        (session::EndReason::MessageLimit, "message_limit"),
        (session::EndReason::Blocked, "blocked"),
        (session::EndReason::Erased, "erased"),
    ];
    for (reason, word) in reasons {
        assert_eq!(text(serde_json::to_string(&reason)), format!("\"{word}\""));
    }
}

#[test]
fn bytes_are_bytes_on_the_wire_and_not_lists_of_numbers() {
    let event = agent::Event::KeyIssued {
        key: KeyId::new([200; 16]),
        name: String::new(),
        hash: [200; 32],
        grant: agent::Grant::default(),
    };
    let written = rmp_serde::to_vec_named(&event).expect("every event can be written");
    // Names and marks take 46 bytes; as lists of numbers, the 48 bytes of key and hash would take 96.
    assert!(written.len() < 100, "{} bytes", written.len());
    let link = rmp_serde::to_vec_named(&LinkId::new([200; 16])).expect("every id can be written");
    assert_eq!(link.len(), 18);
}

#[test]
fn every_aggregate_has_a_name_of_its_own() {
    assert_eq!((Agent::TYPE, Link::TYPE, Session::TYPE), ("agent", "link", "session"));
}
