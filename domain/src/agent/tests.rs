//! The agent's rules, one a test.

use super::{Agent, Command, Event, Grant, Rejection, Scope, Webhook};
use crate::spec::{At, Given, id, minutes};
use crate::{Aggregate, KeyId, LinkId, Millis, Timestamp, spec};

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
    Command::IssueKey { key: key(n), name: name.to_owned(), hash: [n; 32], grant: Grant::default() }
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
    issued_with(n, Grant::default())
}

fn issued_with(n: u8, grant: Grant) -> At<Event> {
    Event::KeyIssued { key: key(n), name: "laptop".to_owned(), hash: [n; 32], grant }.into()
}

fn issue_with(grant: Grant) -> Command {
    Command::IssueKey { key: key(1), name: "laptop".to_owned(), hash: [1; 32], grant }
}

fn until(end: Timestamp) -> Grant {
    Grant { expires_at: Some(end), ..Grant::default() }
}

fn rotate(secret: u8, overlap: i64) -> Command {
    Command::RotateKey { key: key(1), hash: [secret; 32], overlap: Millis::minutes(overlap), expires_at: None }
}

fn rotated(secret: u8, until: Timestamp) -> At<Event> {
    Event::KeyRotated { key: key(1), hash: [secret; 32], until, expires_at: None }.into()
}

/// Returns the secrets of the first key that are good at a moment.
fn good(agent: &Agent, now: Timestamp) -> Vec<u8> {
    agent.keys.get(&key(1)).into_iter().flat_map(|key| key.hashes(now).map(|hash| hash[0])).collect()
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
    for command in [issue(1), rotate(2, 0), revoke(1), set_webhook("https://example.org")] {
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
    for rejection in [
        Rejection::Unknown,
        Rejection::KeyUnknown { key: key(1) },
        Rejection::TooManyKeys { limit: 1 },
        Rejection::TooManySecrets { limit: 1 },
        Rejection::EndsInThePast,
    ] {
        assert!(Agent::could_change(&rejection), "{rejection:?}");
    }
    for rejection in [
        Rejection::AlreadyRegistered,
        Rejection::NameLength { characters: 0, limit: 1 },
        Rejection::KeyExists { key: key(1) },
        Rejection::NoScopes,
        Rejection::OverlapOutOfRange { longest: Millis(1) },
        Rejection::WebhookTooLong { bytes: 2, limit: 1 },
    ] {
        assert!(!Agent::could_change(&rejection), "{rejection:?}");
    }
}

#[test]
fn a_key_may_be_narrowed_to_scopes_a_link_and_a_time() {
    let grant = Grant {
        scopes: Some([Scope::Read, Scope::WriteMessages].into()),
        link: Some(LinkId::new(id(9))),
        expires_at: Some(minutes(60)),
    };
    given([registered()]).when(issue_with(grant.clone())).then([issued_with(1, grant.clone())]);
    assert!(grant.allows(Scope::Read) && !grant.allows(Scope::WriteLinks));
    assert_eq!((grant.ended(minutes(59)), grant.ended(minutes(60))), (None, Some(minutes(60))));
    assert!(Scope::ALL.into_iter().all(|scope| Grant::default().allows(scope)));
}

#[test]
fn a_key_that_may_do_nothing_is_not_issued() {
    let nothing = Grant { scopes: Some([].into()), ..Grant::default() };
    given([registered()]).when(issue_with(nothing)).rejects(Rejection::NoScopes);
}

#[test]
fn a_key_that_has_ended_is_not_issued() {
    given([registered()]).when(At::from(issue_with(until(minutes(5)))).at(minutes(5))).rejects(Rejection::EndsInThePast);
}

#[test]
fn a_key_that_has_ended_makes_room_for_another() {
    let one = [registered(), issued_with(1, until(minutes(5)))];
    let decide = |at| given(one.clone()).under(|policy| policy.agent_keys = 1).when(At::from(issue(2)).at(at));
    decide(minutes(4)).rejects(Rejection::TooManyKeys { limit: 1 });
    decide(minutes(5)).then([issued(2)]);
}

#[test]
fn a_rotated_key_knows_both_secrets_until_the_overlap_ends() {
    given([registered(), issued(1)]).when(rotate(2, 60)).then([rotated(2, minutes(60))]);
    let agent = given([registered(), issued(1), rotated(2, minutes(60))]).state;
    assert_eq!(good(&agent, minutes(59)), [2, 1]);
    assert_eq!(good(&agent, minutes(60)), [2]);
}

#[test]
fn a_rotation_without_an_overlap_ends_every_earlier_secret() {
    let agent = given([registered(), issued(1), rotated(2, minutes(60)), rotated(3, minutes(0))]).state;
    assert_eq!(good(&agent, minutes(0)), [3]);
}

#[test]
fn a_secret_whose_overlap_has_ended_is_not_kept() {
    let agent = given([registered(), issued(1), rotated(2, minutes(60)), rotated(3, minutes(90)).at(minutes(60))]).state;
    assert_eq!(agent.keys.get(&key(1)).map(|key| key.retired.len()), Some(1));
}

#[test]
fn a_key_has_only_so_many_secrets() {
    let twice = [registered(), issued(1), rotated(2, minutes(60)), rotated(3, minutes(60))];
    let decide = |command: At<Command>| given(twice.clone()).under(|policy| policy.retired_secrets = 2).when(command);
    decide(rotate(4, 1).into()).rejects(Rejection::TooManySecrets { limit: 2 });
    decide(rotate(4, 0).into()).then([rotated(4, minutes(0))]);
    decide(At::from(rotate(4, 1)).at(minutes(60))).then([rotated(4, minutes(61))]);
}

#[test]
fn an_overlap_has_a_limit() {
    let longest = Millis::minutes(43_200);
    for overlap in [-1, 43_201] {
        given([registered(), issued(1)]).when(rotate(2, overlap)).rejects(Rejection::OverlapOutOfRange { longest });
    }
    given([registered(), issued(1)]).when(rotate(2, 43_200)).then([rotated(2, minutes(43_200))]);
}

#[test]
fn a_rotation_keeps_what_the_key_may_do_and_may_move_its_end() {
    let narrow = Grant { scopes: Some([Scope::Read].into()), ..until(minutes(5)) };
    let command = Command::RotateKey { key: key(1), hash: [2; 32], overlap: Millis(0), expires_at: Some(minutes(90)) };
    let moved = Event::KeyRotated { key: key(1), hash: [2; 32], until: minutes(0), expires_at: Some(minutes(90)) };
    given([registered(), issued_with(1, narrow.clone())]).when(command).then([moved.clone().into()]);
    let agent = given([registered(), issued_with(1, narrow.clone()), moved.into()]).state;
    let expected = Grant { expires_at: Some(minutes(90)), ..narrow };
    assert_eq!(agent.keys.get(&key(1)).map(|key| &key.grant), Some(&expected));
}

#[test]
fn a_key_that_is_no_longer_good_is_not_rotated() {
    given([registered()]).when(rotate(2, 0)).rejects(Rejection::KeyUnknown { key: key(1) });
    given([registered(), issued(1), revoked(1)]).when(rotate(2, 0)).rejects(Rejection::KeyUnknown { key: key(1) });
    given([registered(), issued_with(1, until(minutes(5)))])
        .when(At::from(rotate(2, 0)).at(minutes(5)))
        .rejects(Rejection::EndsInThePast);
    let revive = Command::RotateKey { key: key(1), hash: [2; 32], overlap: Millis(0), expires_at: Some(minutes(90)) };
    given([registered(), issued_with(1, until(minutes(5)))])
        .when(At::from(revive).at(minutes(5)))
        .rejects(Rejection::EndsInThePast);
}

#[test]
fn a_revoked_key_has_no_secret_left_over() {
    let agent = given([registered(), issued(1), rotated(2, minutes(60)), revoked(1)]).state;
    assert!(agent.keys.get(&key(1)).is_some_and(|key| key.retired.is_empty() && !key.is_valid(minutes(0))));
}

#[test]
fn a_scope_reads_back_as_it_is_written() {
    for scope in Scope::ALL {
        assert_eq!(scope.as_str().parse(), Ok(scope));
        assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
    }
    assert!("Read".parse::<Scope>().is_err());
}
