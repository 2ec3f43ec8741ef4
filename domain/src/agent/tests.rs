//! The agent's rules, one a test.

use super::{Agent, Command, Event, Rejection, Webhook};
use crate::spec::{At, Given, id};
use crate::{Aggregate, KeyId, spec};

fn given(history: impl IntoIterator<Item = At<Event>>) -> Given<Agent> {
    spec::given(history)
}

fn key(n: u8) -> KeyId {
    KeyId::new(id(n))
}

fn register(name: &str) -> Command {
    Command::Register { name: name.to_owned() }
}

fn issue(n: u8) -> Command {
    issue_named(n, "laptop")
}

fn issue_named(n: u8, name: &str) -> Command {
    Command::IssueKey { key: key(n), name: name.to_owned(), hash: [n; 32] }
}

fn revoke(n: u8) -> Command {
    Command::RevokeKey { key: key(n) }
}

fn set_webhook(url: &str) -> Command {
    Command::SetWebhook { webhook: Some(webhook(url)) }
}

fn webhook(url: &str) -> Webhook {
    Webhook { url: url.to_owned(), with_text: false, rotation: 0 }
}

fn registered() -> At<Event> {
    Event::Registered { name: "helper".to_owned() }.into()
}

fn issued(n: u8) -> At<Event> {
    Event::KeyIssued { key: key(n), name: "laptop".to_owned(), hash: [n; 32] }.into()
}

fn revoked(n: u8) -> At<Event> {
    Event::KeyRevoked { key: key(n) }.into()
}

fn webhook_set(url: &str) -> At<Event> {
    Event::WebhookSet { webhook: Some(webhook(url)) }.into()
}

#[test]
fn an_agent_is_registered_by_name() {
    given([]).when(register("helper")).then([registered()]);
}

#[test]
fn an_agent_registered_again_by_the_same_name_is_already_so() {
    given([registered()]).when(register("helper")).does_nothing();
}

#[test]
fn an_agent_cannot_be_registered_again_by_another_name() {
    given([registered()]).when(register("other")).rejects(Rejection::AlreadyRegistered);
}

#[test]
fn an_agent_has_a_name() {
    given([]).when(register("")).rejects(Rejection::NameLength { characters: 0, limit: 100 });
}

#[test]
fn a_name_may_be_as_long_as_its_limit_in_characters() {
    let longest = "ä".repeat(100);
    given([]).when(register(&longest)).then([Event::Registered { name: longest.clone() }.into()]);
}

#[test]
fn a_name_may_not_be_longer() {
    given([]).when(register(&"ä".repeat(101))).rejects(Rejection::NameLength { characters: 101, limit: 100 });
}

#[test]
fn nothing_can_be_done_with_an_unknown_agent() {
    for command in [issue(1), revoke(1), set_webhook("https://example.org")] {
        given([]).when(command).rejects(Rejection::Unknown);
    }
}

#[test]
fn an_agent_gets_a_key() {
    given([registered()]).when(issue(1)).then([issued(1)]);
}

#[test]
fn a_key_has_a_name_within_the_limit() {
    given([registered()]).when(issue_named(1, "")).rejects(Rejection::NameLength { characters: 0, limit: 100 });
    given([registered()]).when(issue_named(1, &"k".repeat(101))).rejects(Rejection::NameLength { characters: 101, limit: 100 });
}

#[test]
fn a_key_is_issued_once() {
    given([registered(), issued(1)]).when(issue(1)).rejects(Rejection::KeyExists { key: key(1) });
}

#[test]
fn a_revoked_key_is_never_issued_again() {
    given([registered(), issued(1), revoked(1)]).when(issue(1)).rejects(Rejection::KeyExists { key: key(1) });
}

#[test]
fn an_agent_may_hold_as_many_keys_as_its_limit() {
    given([registered(), issued(1)]).under(|policy| policy.agent_keys = 2).when(issue(2)).then([issued(2)]);
}

#[test]
fn an_agent_may_hold_no_more_keys() {
    given([registered(), issued(1), issued(2)])
        .under(|policy| policy.agent_keys = 2)
        .when(issue(3))
        .rejects(Rejection::TooManyKeys { limit: 2 });
}

#[test]
fn a_revoked_key_makes_room_for_another() {
    given([registered(), issued(1), issued(2), revoked(1)])
        .under(|policy| policy.agent_keys = 2)
        .when(issue(3))
        .then([issued(3)]);
}

#[test]
fn a_key_is_taken_back() {
    given([registered(), issued(1)]).when(revoke(1)).then([revoked(1)]);
}

#[test]
fn a_key_taken_back_twice_is_already_so() {
    given([registered(), issued(1), revoked(1)]).when(revoke(1)).does_nothing();
}

#[test]
fn an_unknown_key_cannot_be_taken_back() {
    given([registered()]).when(revoke(1)).rejects(Rejection::KeyUnknown { key: key(1) });
}

#[test]
fn a_revoked_key_stays_known_by_its_name() {
    let agent = given([registered(), issued(1), revoked(1)]).state;
    assert!(agent.keys.get(&key(1)).is_some_and(|key| key.revoked && key.name == "laptop"));
}

#[test]
fn a_webhook_is_set_changed_and_removed() {
    given([registered()]).when(set_webhook("https://one.example")).then([webhook_set("https://one.example")]);
    given([registered(), webhook_set("https://one.example")])
        .when(set_webhook("https://two.example"))
        .then([webhook_set("https://two.example")]);
    given([registered(), webhook_set("https://one.example")])
        .when(Command::SetWebhook { webhook: None })
        .then([Event::WebhookSet { webhook: None }.into()]);
}

#[test]
fn the_same_webhook_again_is_already_so() {
    given([registered(), webhook_set("https://one.example")]).when(set_webhook("https://one.example")).does_nothing();
    given([registered()]).when(Command::SetWebhook { webhook: None }).does_nothing();
}

#[test]
fn a_webhook_may_be_as_long_as_its_limit_in_bytes() {
    let longest = "u".repeat(2_000);
    given([registered()]).when(set_webhook(&longest)).then([webhook_set(&longest)]);
}

#[test]
fn a_webhook_may_not_be_longer() {
    given([registered()]).when(set_webhook(&"u".repeat(2_001))).rejects(Rejection::WebhookTooLong { bytes: 2_001, limit: 2_000 });
}

#[test]
fn only_what_a_later_event_could_overturn_asks_for_fresh_state() {
    for rejection in [Rejection::Unknown, Rejection::KeyUnknown { key: key(1) }, Rejection::TooManyKeys { limit: 1 }] {
        assert!(Agent::could_change(&rejection), "{rejection:?}");
    }
    for rejection in [
        Rejection::AlreadyRegistered,
        Rejection::NameLength { characters: 0, limit: 1 },
        Rejection::KeyExists { key: key(1) },
        Rejection::WebhookTooLong { bytes: 2, limit: 1 },
    ] {
        assert!(!Agent::could_change(&rejection), "{rejection:?}");
    }
}
