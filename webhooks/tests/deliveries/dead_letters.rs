//! What does not arrive in its time, and what an operator can do about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use crate::receiver::{Answer, Receiver};
use crate::world::{World, settings};

#[tokio::test(flavor = "multi_thread")]
async fn what_never_arrives_is_kept_as_a_dead_letter_and_delivered_again() {
    let world = World::start().await;
    let status = Arc::new(AtomicU16::new(503));
    let says = Arc::clone(&status);
    let mut receiver = Receiver::start(move |_, _| Answer::Status(says.load(Ordering::SeqCst))).await;
    let agent = world.agent_at(&receiver.url()).await;
    let mut settings = settings();
    settings.retry.gives_up_after = Duration::from_millis(300);
    let running = world.webhooks(&settings);
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    for number in 0..20 {
        world.say(session, number, "hello").await;
    }
    let endpoint = world.endpoint("all is given up", agent, |endpoint| endpoint.dead == 21).await;
    assert_eq!(endpoint.pending, 0);
    assert_eq!(endpoint.dead_letters.len(), 20, "the newest are shown");
    assert!(endpoint.dead_letters.iter().all(|letter| letter.error.as_deref() == Some("status 503")));
    let letter = endpoint.dead_letters[0].event.clone();

    status.store(200, Ordering::SeqCst);
    receiver.rest();
    assert_eq!(webhooks::redeliver(&world.pool, agent, None, Some(&letter)).await.unwrap(), 1);
    assert_eq!(receiver.next().await.id(), letter);
    let others = world.agent().await;
    assert_eq!(webhooks::redeliver(&world.pool, others, None, None).await.unwrap(), 0);
    assert_eq!(webhooks::redeliver(&world.pool, agent, None, None).await.unwrap(), 20);
    let endpoint = world.endpoint("all has arrived", agent, |endpoint| endpoint.pending == 0 && endpoint.dead == 0).await;
    assert_eq!(endpoint.failing_since, None);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_not_asked_again() {
    let world = World::start().await;
    let mut receiver = Receiver::start(|_, _| Answer::Status(410)).await;
    let agent = world.agent_at(&receiver.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    receiver.next().await;
    let endpoint = world.endpoint("a dead letter", agent, |endpoint| endpoint.dead == 1).await;
    assert_eq!((endpoint.dead_letters[0].attempts, endpoint.dead_letters[0].kind.as_str()), (1, "session_started"));
    assert_eq!(receiver.count(), 1);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_webhook_that_is_removed_goes_with_it() {
    let world = World::start().await;
    let deaf = Receiver::start(|_, _| Answer::Status(500)).await;
    let agent = world.agent_at(&deaf.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    world.endpoint("it waits", agent, |endpoint| endpoint.pending == 1).await;
    world.commands.set_webhook(agent, None, None).await.unwrap();
    world.caught_up(&running).await;
    assert_eq!(world.list(agent).await, []);
    running.stop().await;
}
