use std::time::{Duration, Instant};

use command_service::{Principal, Refusal};
use domain::agent::{Agent, Event, Grant, Rejection, Scope};
use domain::{Address, AgentId, KeyId, LinkId, Millis};
use futures_util::StreamExt;
use futures_util::future::ready;
use nats::{ApiKeys, Secrets};

use crate::world::{World, policy, until};

/// The secret of a key from before keys had tags, and how it was written.
const SECRET: [u8; 32] = [5; 32];
const WRITTEN: &str = "aucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucqkbifaucq";

/// Writes a key as it was issued before keys had tags.
fn untagged(agent: AgentId, key: KeyId) -> String {
    let bare = |id: &str| id.split_once('_').unwrap().1.to_owned();
    format!("tc_1_{}_{}_{WRITTEN}", bare(&agent.to_string()), bare(&key.to_string()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_who_acts() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let new = process.commands.issue_key(agent, "laptop", Grant::default()).await.unwrap();
    let principal = world.process().await.commands.authenticate(&new.text).await.unwrap();
    let expected = Principal {
        agent,
        agent_name: "Ada".to_owned(),
        key: new.key,
        key_name: "laptop".to_owned(),
        grant: Grant::default(),
        good_until: None,
    };
    assert_eq!(principal, expected);
    assert_eq!(process.commands.key_name(agent, new.key).await.unwrap().as_deref(), Some("laptop"));
    assert!(!format!("{new:?}").contains(&new.text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_secret_agent_or_installation_is_none() {
    let world = World::start().await;
    let process = world.process().await;
    let (agent, other) = (process.agent().await, process.agent().await);
    let key = process.commands.issue_key(agent, "laptop", Grant::default()).await.unwrap().text;
    let theirs = process.commands.issue_key(other, "laptop", Grant::default()).await.unwrap().text;
    let part = |text: &str, n: usize| text.split('_').nth(n).unwrap().to_owned();
    let swapped = |n: usize| key.replace(&part(&key, n), &part(&theirs, n));
    for wrong in [swapped(2), swapped(3), swapped(4), "tc_1_x_y_z".to_owned(), String::new()] {
        assert!(matches!(process.commands.authenticate(&wrong).await, Err(Refusal::KeyInvalid)), "{wrong}");
    }
    // The same log, other secrets.
    let elsewhere = world.process_with(&Secrets::generate(), policy()).await;
    assert!(matches!(elsewhere.commands.authenticate(&key).await, Err(Refusal::KeyInvalid)));
    process.commands.authenticate(&key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_once_here_and_soon_elsewhere() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let agent = here.agent().await;
    let new = here.commands.issue_key(agent, "laptop", Grant::default()).await.unwrap();
    there.commands.authenticate(&new.text).await.unwrap();
    here.commands.revoke_key(agent, new.key).await.unwrap();
    let revoked = Instant::now();
    assert!(matches!(here.commands.authenticate(&new.text).await, Err(Refusal::KeyInvalid)));
    until("the refusal", async || {
        let asked_after = revoked.elapsed();
        let answer = there.commands.authenticate(&new.text).await;
        assert!(answer.is_err() || asked_after < Duration::from_secs(5), "it was good for whoever asked after {asked_after:?}");
        answer.err()
    })
    .await;
    let again = here.commands.revoke_key(agent, new.key).await.unwrap();
    assert_eq!(again.event, there.commands.revoke_key(agent, new.key).await.unwrap().event);
    let nobody = here.commands.revoke_key(agent, domain::KeyId::new([9; 16])).await;
    assert!(matches!(nobody, Err(Refusal::Agent(Rejection::KeyUnknown { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_issued_elsewhere_soon_opens() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let agent = here.agent().await;
    assert_eq!(there.commands.agent_name(agent).await.unwrap(), "Ada");
    let new = here.commands.issue_key(agent, "laptop", Grant::default()).await.unwrap();
    let issued = Instant::now();
    until("the key", async || {
        let asked_after = issued.elapsed();
        let answer = there.commands.authenticate(&new.text).await;
        assert!(
            answer.is_ok() || asked_after < Duration::from_secs(1),
            "a refusal is looked at again after a second: {asked_after:?}"
        );
        answer.ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_the_same_key_and_both_secrets_are_good_everywhere_at_once() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let agent = here.agent().await;
    let old = here.commands.issue_key(agent, "laptop", Grant::default()).await.unwrap();
    there.commands.authenticate(&old.text).await.unwrap();
    let new = here.commands.rotate_key(agent, old.key, Millis::minutes(60), None).await.unwrap();
    assert_ne!(new.text, old.text);
    for process in [&there, &here] {
        let [one, other] =
            [process.commands.authenticate(&new.text).await.unwrap(), process.commands.authenticate(&old.text).await.unwrap()];
        assert_eq!((one.key, &one.key_name, &one.grant), (other.key, &other.key_name, &other.grant));
        assert_eq!(one.key, old.key);
        assert!(one.good_until.is_none() && other.good_until.is_some(), "the old secret ends with the overlap");
    }
    let newest = here.commands.rotate_key(agent, old.key, Millis(0), None).await.unwrap();
    for gone in [&old.text, &new.text] {
        assert!(matches!(here.commands.authenticate(gone).await, Err(Refusal::KeyInvalid)));
    }
    there.commands.authenticate(&newest.text).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_carries_what_it_may_do_until_it_ends() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let end = command_service::clock::now() + Millis::seconds(6);
    let grant = Grant { scopes: Some([Scope::Read].into()), link: None, expires_at: Some(end) };
    let new = process.commands.issue_key(agent, "laptop", grant.clone()).await.unwrap();
    assert_eq!(process.commands.authenticate(&new.text).await.unwrap().grant, grant);
    let refused = until("the end of the key", async || process.commands.authenticate(&new.text).await.err()).await;
    assert!(matches!(refused, Refusal::KeyExpired { at } if at == end));
    // Who does not have the secret is not told that either.
    let other = process.commands.issue_key(agent, "other", Grant::default()).await.unwrap();
    let secret = |text: &str| text.rsplit_once('_').unwrap().1.to_owned();
    let guessed = new.text.replace(&secret(&new.text), &secret(&other.text));
    assert!(matches!(process.commands.authenticate(&guessed).await, Err(Refusal::KeyInvalid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_limited_to_a_link_of_its_own_agent_only() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let grant = Grant { link: Some(LinkId::new([9; 16])), ..Grant::default() };
    let refused = process.commands.issue_key(agent, "laptop", grant).await;
    assert!(matches!(refused, Err(Refusal::Link(domain::link::Rejection::Unknown))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_from_before_there_were_tags_stays_good_and_is_rotated_to_one_with_a_tag() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let (key, link) = (KeyId::new([4; 16]), LinkId::new([9; 16]));
    let hash = ApiKeys::new(&world.secrets).hash(&SECRET);
    let issued = Event::KeyIssued { key, name: "old".to_owned(), hash, grant: Grant::default() };
    process.record::<Agent>(Address::agent(agent), link, vec![issued], Millis(0)).await;
    for process in [&process, &world.process().await] {
        until("the old key", async || process.commands.authenticate(&untagged(agent, key)).await.ok()).await;
    }
    let new = process.commands.rotate_key(agent, key, Millis(0), None).await.unwrap();
    assert!(new.text.starts_with("tc_2_"));
    assert_eq!(process.commands.authenticate(&new.text).await.unwrap().key, key);
    assert!(matches!(process.commands.authenticate(&untagged(agent, key)).await, Err(Refusal::KeyInvalid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_were_made_up_ask_the_log_nothing() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let real = process.commands.issue_key(agent, "laptop", Grant::default()).await.unwrap();
    let forger = ApiKeys::new(&Secrets::generate());

    let tap = nats::bare_client(world.nats.url()).await.unwrap();
    let questions = tap.subscribe("$JS.API.>").await.unwrap();
    tap.flush().await.unwrap();
    for n in 0..100 {
        // Of an agent that there is, and of others.
        for agent in [agent, AgentId::new([n; 16])] {
            let made_up = forger.issue(agent, real.key, &[n; 32]);
            assert!(matches!(process.commands.authenticate(&made_up).await, Err(Refusal::KeyInvalid)));
        }
    }
    // What was asked comes before what is published now.
    let last = "$JS.API.end";
    tap.publish(last, "".into()).await.unwrap();
    let asked = questions.take_while(|question| ready(question.subject.as_str() != last));
    // How full the streams are is asked every other second.
    let asked: Vec<_> = asked.filter(|question| ready(!question.subject.contains(".STREAM.INFO."))).collect().await;
    assert!(asked.is_empty(), "{asked:?}");
    process.commands.authenticate(&real.text).await.unwrap();
}
