use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use command_service::worker::KeyCollector;
use command_service::{NewLink, Refusal};
use domain::link::Rejection;
use domain::{Address, Policy, SessionId};
use futures_util::future::join_all;
use nats::{Actor, Text};

use crate::gate::Gate;
use crate::world::{Chat, Process, World, an_hour, client, policy, words};

/// As if every key were old enough at once: what is left to protect it is the order of steps.
const AT_ONCE: Duration = Duration::ZERO;

/// Takes first looks, then second looks.
async fn two_looks(collector: &mut KeyCollector) -> u64 {
    collector.round().await.unwrap() + collector.round().await.unwrap()
}

/// Makes a key as a process does that dies before its commit.
async fn abandoned(process: &Process, chat: Chat, n: u8) -> Address {
    let owner = Address::session(chat.agent, SessionId::new([n; 16]));
    process.backbone.keys().create(owner).await.unwrap();
    owner
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nothing_began_with_is_collected_and_no_other() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let unused = abandoned(&process, chat, 1).await;
    let mut patient = KeyCollector::new(process.commands.clone(), Duration::from_hours(1));
    assert_eq!(two_looks(&mut patient).await, 0);
    assert!(process.key_owners().await.contains(&unused));

    let mut collector = KeyCollector::new(process.commands.clone(), AT_ONCE);
    assert_eq!(collector.round().await.unwrap(), 0, "the first look takes nothing");
    assert_eq!(collector.round().await.unwrap(), 1);
    assert_eq!(process.key_owners().await, [chat.at_link(), chat.address()]);
    // What comes later is found by the same walk.
    let later = abandoned(&process, chat, 2).await;
    assert_eq!(two_looks(&mut collector).await, 1);
    assert!(!process.key_owners().await.contains(&later));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_an_erased_session_is_collected_too() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    process.commands.erase(chat.address(), Actor::Chatter).await.unwrap();
    process.backbone.keys().create(chat.address()).await.unwrap();
    KeyCollector::new(process.commands.clone(), AT_ONCE).round().await.unwrap();
    assert_eq!(process.key_owners().await, [chat.at_link()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_between_the_two_looks_keeps_its_key() {
    let world = World::start().await;
    let (process, other) = (world.process().await, world.process().await);
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { welcome_message: Some("Hello!".to_owned()), ..an_hour() }).await;
    // Two clients whose first attempts have left keys.
    let [whole, half] = ["whole", "half"].map(|name| Address::session(agent, world.derived().session(link, name, 0)));
    for owner in [whole, half] {
        process.backbone.keys().create(owner).await.unwrap();
    }
    let mut collector = KeyCollector::new(process.commands.clone(), AT_ONCE);
    assert_eq!(collector.round().await.unwrap(), 0);
    let chat = other.chat_on(agent, link, "whole").await;
    // This one has its key, and has not appended yet.
    let key = other.backbone.keys().create(half).await.unwrap();
    assert_eq!(collector.round().await.unwrap(), 0);
    assert_eq!(words(&process, chat).await, [Text::Open("Hello!".to_owned())]);
    assert!(other.backbone.keys().has(half, &key).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creation_that_took_too_long_has_its_key_in_the_end() {
    let world = World::start().await;
    let gate = Gate::start(world.nats.port()).await;
    let (process, slow) = (world.process().await, world.process_behind(&gate).await);
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { welcome_message: Some("Hello!".to_owned()), ..an_hour() }).await;
    let starting = tokio::spawn(async move { slow.chat_on(agent, link, "someone").await });
    // It has its key, and its commit is on the way.
    gate.holds().await;
    assert_eq!(two_looks(&mut KeyCollector::new(process.commands.clone(), AT_ONCE)).await, 1);
    gate.open();
    let chat = starting.await.unwrap();
    assert_eq!(words(&world.process().await, chat).await, [Text::Open("Hello!".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_begins_while_keys_are_collected_can_be_read() {
    let world = World::start().await;
    let (process, other) = (world.process().await, world.process().await);
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { welcome_message: Some("Hello!".to_owned()), ..an_hour() }).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let (commands, stop) = (other.commands.clone(), Arc::clone(&is_over));
    let collecting = tokio::spawn(async move {
        let mut collected = 0;
        while !stop.load(Ordering::Relaxed) {
            collected += KeyCollector::new(commands.clone(), AT_ONCE).round().await.unwrap();
            collected += two_looks(&mut KeyCollector::new(commands.clone(), AT_ONCE)).await;
        }
        collected
    });
    let starts = (0..50).map(|n| {
        let process = process.clone();
        tokio::spawn(async move { process.chat_on(agent, link, &format!("client {n}")).await })
    });
    let chats: Vec<Chat> = join_all(starts).await.into_iter().map(Result::unwrap).collect();
    is_over.store(true, Ordering::Relaxed);
    collecting.await.unwrap();
    let reader = world.process().await;
    for chat in chats {
        assert_eq!(words(&reader, chat).await, [Text::Open("Hello!".to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_leaves_no_key() {
    let world = World::start().await;
    let process = world.process_with(&world.secrets, Policy { title_characters: 10, ..policy() }).await;
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { title: "Short".to_owned(), passcode: Some("1234".to_owned()), ..an_hour() }).await;
    let before = process.key_owners().await;
    for idempotency_key in [None, Some("again")] {
        let refused = process.commands.create_link(agent, Actor::Operator, an_hour(), idempotency_key).await;
        assert!(matches!(refused, Err(Refusal::Link(Rejection::OutOfRange { .. }))), "{refused:?}");
    }
    for n in 0..3 {
        let refused = process.commands.join(&client(agent, link, &format!("client {n}"))).await;
        assert!(matches!(refused, Err(Refusal::Link(Rejection::PasscodeRequired))), "{refused:?}");
    }
    assert_eq!(process.key_owners().await, before);
}
