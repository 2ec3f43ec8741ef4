//! Several endpoints beside each other: links with webhooks of their own, and dead ones that hold up nobody.

use std::time::{Duration, Instant};

use nats::Actor;
use tokio::sync::watch;

use crate::receiver::{Answer, Receiver};
use crate::world::{World, settings};

#[tokio::test(flavor = "multi_thread")]
async fn a_links_own_webhook_stands_in_for_its_agents() {
    let world = World::start().await;
    let (mut general, mut own) = (Receiver::glad().await, Receiver::glad().await);
    let agent = world.agent_at(&general.url()).await;
    let running = world.webhooks(&settings());
    let (one, other) = (world.link(agent).await, world.link(agent).await);
    world.set(agent, Some(one), &own.url(), false).await;
    world.chat(agent, one).await;
    world.chat(agent, other).await;
    assert_eq!(own.next().await.json()["data"]["link_id"], one.to_string());
    assert_eq!(general.next().await.json()["data"]["link_id"], other.to_string());
    assert_eq!(world.list(agent).await.len(), 2);

    // Without its own it is told where everything is.
    world.commands.set_webhook(agent, Some(one), None).await.unwrap();
    world.commands.revoke_link(agent, Actor::Operator, one, false, None).await.unwrap();
    assert_eq!(general.find("link_closed").await.json()["data"]["link_id"], one.to_string());
    assert!(own.rest().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_its_own_secret() {
    let world = World::start().await;
    let mut own = Receiver::glad().await;
    let agent = world.agent().await;
    let link = world.link(agent).await;
    world.set(agent, Some(link), &own.url(), false).await;
    let running = world.webhooks(&settings());
    world.caught_up(&running).await;
    world.chat(agent, link).await;
    let call = own.next().await;
    let secrets = nats::WebhookSecrets::new(world.backbone.secrets());
    assert_eq!(
        (call.signatures_by(&secrets.text(agent, Some(link), 0)), call.signatures_by(&secrets.text(agent, None, 0))),
        (1, 0)
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_endpoints_delay_no_other() {
    let world = World::start().await;
    let mut settings = settings();
    // Far longer than the test may take.
    settings.retry.call = Duration::from_mins(2);
    let silent = Receiver::start(|_, _| Answer::Silence).await;
    let mut glad = Receiver::glad().await;
    let mut dead = Vec::new();
    for _ in 0..5 {
        dead.push(world.agent_at(&silent.url()).await);
    }
    let running = world.webhooks(&settings);
    for agent in &dead {
        let link = world.link(*agent).await;
        let session = world.chat(*agent, link).await;
        for number in 0..20 {
            world.say(session, number, "hello?").await;
        }
    }
    let agent = world.agent_at(&glad.url()).await;
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    let began = Instant::now();
    for number in 0..50 {
        world.say(session, number, "hello").await;
    }
    for _ in 0..50 {
        glad.find("message").await;
    }
    assert!(began.elapsed() < settings.retry.call);
    // A single one of them has few calls under way, whatever waits for it.
    assert!(silent.count() <= 5 * 8, "{}", silent.count());
    // Nor do they hold up the end.
    running.stop().await;
    assert!(began.elapsed() < settings.retry.call);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_of_a_call_says_nothing_of_an_address_that_was_set_meanwhile() {
    let world = World::start().await;
    let (gate, opened) = watch::channel(false);
    let mut old = Receiver::start(move |_, _| Answer::Later(opened.clone(), 410)).await;
    let mut new = Receiver::glad().await;
    let agent = world.agent_at(&old.url()).await;
    let link = world.link(agent).await;
    let running = world.webhooks(&settings());
    world.caught_up(&running).await;
    running.stop().await;
    // While nothing runs, so that all are claimed at once.
    let session = world.chat(agent, link).await;
    for number in 0..3 {
        world.say(session, number, "hello").await;
    }
    let mut settings = settings();
    // Far longer than the test may take.
    settings.retry.call = Duration::from_mins(2);
    let running = world.webhooks(&settings);
    for _ in 0..4 {
        old.next().await;
    }
    world.set(agent, None, &new.url(), false).await;
    world.caught_up(&running).await;
    gate.send(true).unwrap();
    for _ in 0..4 {
        new.next().await;
    }
    let endpoint = world.endpoint("nothing is left", agent, |endpoint| endpoint.pending == 0).await;
    assert_eq!((endpoint.dead, endpoint.failing_since, endpoint.wait_until), (0, None, None));
    running.stop().await;
}
