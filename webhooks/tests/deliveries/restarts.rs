//! Over restarts and rebuilds nothing is lost, and nobody is called for what is long past.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::receiver::{Answer, Receiver};
use crate::world::{World, settings, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_was() {
    let world = World::start().await;
    let is_up = Arc::new(AtomicBool::new(false));
    let says = Arc::clone(&is_up);
    let mut receiver = Receiver::start(move |_, _| Answer::Status(if says.load(Ordering::SeqCst) { 200 } else { 500 })).await;
    let agent = world.agent_at(&receiver.url()).await;
    let link = world.link(agent).await;
    let running = world.webhooks(&settings());
    world.caught_up(&running).await;
    let session = world.chat(agent, link).await;
    world.say(session, 1, "before").await;
    let tried = receiver.find("session_started").await;
    world.endpoint("both wait", agent, |endpoint| endpoint.pending == 2).await;
    running.stop().await;

    // While nothing runs.
    world.say(session, 2, "meanwhile").await;
    is_up.store(true, Ordering::SeqCst);
    receiver.rest();
    let running = world.webhooks(&settings());
    let mut arrived = Vec::new();
    while arrived.len() < 3 {
        arrived.push(receiver.next().await.id().to_owned());
    }
    assert!(arrived.iter().any(|id| id == tried.id()), "what failed before");
    world.endpoint("nothing is left", agent, |endpoint| endpoint.pending == 0).await;
    assert!(receiver.rest().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_begin_anew_call_nobody_for_the_past() {
    let world = World::start().await;
    let mut receiver = Receiver::glad().await;
    let agent = world.agent_at(&receiver.url()).await;
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    world.say(session, 1, "long ago").await;
    // Never ran before, or lost its database.
    let running = world.webhooks(&settings());
    world.caught_up(&running).await;
    assert_eq!(world.list(agent).await[0].pending, 0);
    world.say(session, 2, "now").await;
    receiver.find("message").await;
    assert_eq!(receiver.count(), 1);
    // The same log: nothing to mend.
    assert_eq!(webhooks::mend(&world.backbone, &world.pool).await.unwrap(), []);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_log_stops_webhooks_until_someone_has_looked() {
    let world = World::start().await;
    let receiver = Receiver::glad().await;
    let agent = world.agent_at(&receiver.url()).await;
    let running = world.webhooks(&settings());
    world.caught_up(&running).await;
    running.stop().await;
    let world = world.with_another_log().await;
    let running = world.webhooks(&settings());
    for shard in world.backbone.shards() {
        let stopped = soon("the stop", running.webhooks.follower().reached(shard, 1)).await.stopped.unwrap();
        assert!(stopped.contains("tempchat rebuild"), "{stopped}");
    }
    assert_eq!(world.list(agent).await.len(), 1, "nothing is forgotten by mistake");
    assert_eq!(webhooks::mend(&world.backbone, &world.pool).await.unwrap().len(), 2);
    assert_eq!(world.list(agent).await, []);
    // Those that had stopped go on by themselves, and reach what happens on the other log.
    let mut receiver = Receiver::glad().await;
    let agent = world.agent_at(&receiver.url()).await;
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    receiver.find("session_started").await;
    running.stop().await;
}
