//! Tried again until it arrives, under the same id.

use std::collections::BTreeMap;

use crate::receiver::{Answer, Receiver};
use crate::world::{World, settings};

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_tried_again_under_the_same_id() {
    let world = World::start().await;
    let mut receiver = Receiver::start(|number, _| Answer::Status(if number < 6 { 500 } else { 200 })).await;
    let agent = world.agent_at(&receiver.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    let first = receiver.next().await;
    for _ in 0..6 {
        let again = receiver.next().await;
        assert_eq!((again.id(), again.json()), (first.id(), first.json()));
    }
    let endpoint = world.endpoint("it arrived", agent, |endpoint| endpoint.pending == 0).await;
    assert_eq!((endpoint.dead, endpoint.failing_since), (0, None));
    assert!(receiver.rest().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_refuses_one_event_gets_the_others() {
    let world = World::start().await;
    let mut receiver =
        Receiver::start(|_, call| Answer::Status(if call.json()["type"] == "session_started" { 422 } else { 200 })).await;
    let agent = world.agent_at(&receiver.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    for number in 0..30 {
        world.say(session, number, "hello").await;
    }
    for _ in 0..30 {
        receiver.find("message").await;
    }
    world.endpoint("one is left", agent, |endpoint| endpoint.pending == 1).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_share_the_work() {
    let world = World::start().await;
    let mut receiver = Receiver::glad().await;
    let agent = world.agent_at(&receiver.url()).await;
    let (one, other) = (world.webhooks(&settings()), world.webhooks(&settings()));
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    for number in 0..60 {
        world.say(session, number, "hello").await;
    }
    let mut ids = BTreeMap::<String, usize>::new();
    while ids.len() < 61 {
        *ids.entry(receiver.next().await.id().to_owned()).or_default() += 1;
    }
    world.endpoint("nothing is left", agent, |endpoint| endpoint.pending == 0).await;
    assert!(receiver.rest().is_empty());
    assert!(ids.values().all(|count| *count == 1), "{ids:?}");
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_has_an_end() {
    let world = World::start().await;
    let deaf = Receiver::start(|_, _| Answer::Status(500)).await;
    let agent = world.agent_at(&deaf.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    world.endpoint("the first waits", agent, |endpoint| endpoint.pending == 1).await;
    world
        .sql(
            "INSERT INTO webhook_delivery (shard, sequence, index, endpoint, agent, link, event, type, thin, since, due_at)
            SELECT 0, 1000000 + number, 0, endpoint.id, endpoint.agent, endpoint.id, 'evt_' || number, 'message', '{}', now(), now() + '1 day'
            FROM webhook_endpoint AS endpoint, generate_series(1, 9998) AS number",
        )
        .await;
    for number in 0..3 {
        world.say(session, number, "hello").await;
    }
    world.caught_up(&running).await;
    let endpoint = world.endpoint("it is full", agent, |endpoint| endpoint.pending == 10_000).await;
    assert_eq!(endpoint.dropped, 2);
    running.stop().await;
}
