use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use command_service::NewLink;
use nats::Actor;
use tokio::time::timeout;

use crate::world::{World, an_hour, client};

/// Polls `work` as often as it asks for it, but at most `polls` times, then drops it.
async fn cut_off<F: Future>(work: F, polls: usize) {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        work.as_mut().poll(context).map(drop)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_dropped_at_any_point_can_be_sent_again() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let post = |id: usize| {
        let commands = process.commands.clone();
        async move { commands.post(chat.address(), Actor::Chatter, &id.to_string(), "hello").await.unwrap() }
    };
    for polls in 0..40 {
        cut_off(post(polls), polls / 2).await;
        // At once, and once more: the first answer stands.
        let receipt = post(polls).await;
        assert_eq!(post(polls).await.event, receipt.event);
    }
    let names = process.names(chat.address()).await;
    assert_eq!(names.iter().filter(|name| **name == "session.message_posted").count(), 40);
    process.commits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_dropped_at_any_point_can_be_sent_again() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, an_hour()).await;
    for polls in 0..40 {
        let commands = process.commands.clone();
        let join = client(agent, link, &polls.to_string());
        cut_off(Box::pin(async { commands.join(&join).await.unwrap() }), polls / 2).await;
        let session = commands.join(&join).await.unwrap().session();
        assert_eq!(process.names(domain::Address::session(agent, session)).await, ["session.started"]);
    }
    let state = world.process().await.commands.link(agent, link).await.unwrap();
    assert_eq!((state.admitted, state.admissions.len()), (40, 40));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_dropped_while_the_log_is_silent_neither_blocks_nor_doubles() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(NewLink { messages_per_minute: 2, ..an_hour() }).await;
    let post = async |id: &str| process.commands.post(chat.address(), Actor::Chatter, id, "hello").await;
    post("1").await.unwrap();
    world.freeze();
    timeout(Duration::from_millis(200), post("2")).await.unwrap_err();
    world.thaw();
    // It is the second of two a minute, whether it was stored or not.
    let second = post("2").await.unwrap();
    assert!(post("3").await.is_err());
    assert_eq!(post("2").await.unwrap().event, second.event);
    assert_eq!(process.names(chat.address()).await.len(), 3);
    process.commits().await;
}
