//! Calls lead to public addresses and to networks that an operator allows, and nowhere else however they are written.

use std::time::Duration;

use domain::agent::Webhook;
use webhooks::{Answered, CallError, Settings, Tester};

use crate::receiver::{Answer, Receiver};
use crate::world::{World, settings};

async fn test(world: &World, settings: &Settings, url: &str) -> Answered {
    let webhook = Webhook { url: url.to_owned(), with_text: false, rotation: 0 };
    let tester = Tester::new(&world.backbone, settings).unwrap();
    tester.test(world.agent().await, None, &webhook).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_leads_inside() {
    let world = World::start().await;
    let receiver = Receiver::glad().await;
    let port = receiver.address.port();
    let nothing = Settings { networks: vec![], ..settings() };
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00::1]",
    ] {
        for scheme in ["http", "https"] {
            let answered = test(&world, &nothing, &format!("{scheme}://{host}:{port}/")).await;
            assert!(matches!(answered.outcome, Err(CallError::Forbidden(_))), "{scheme} {host}: {:?}", answered.outcome);
        }
    }
    assert_eq!(receiver.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_network_is_reached_by_address_and_by_name() {
    let world = World::start().await;
    let receiver = Receiver::glad().await;
    let port = receiver.address.port();
    // A name leads to every address that it has, so each must be allowed.
    let loopback = Settings { networks: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()], ..settings() };
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let answered = test(&world, &loopback, &format!("http://{host}:{port}/")).await;
        assert_eq!(answered.outcome, Ok(204), "{host}");
    }
    assert_eq!(receiver.count(), 3);
    // What is plain to read on the way stays within those networks.
    let answered = test(&world, &loopback, "http://1.1.1.1/").await;
    assert!(matches!(answered.outcome, Err(CallError::Forbidden(_))), "{:?}", answered.outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_sent_elsewhere() {
    let world = World::start().await;
    let elsewhere = Receiver::start(|_, _| Answer::Redirect("/elsewhere")).await;
    assert_eq!(test(&world, &settings(), &elsewhere.url()).await.outcome, Ok(307));
    assert_eq!(elsewhere.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_waited_for_so_long_and_read_so_far() {
    let world = World::start().await;
    let mut settings = settings();
    settings.retry.call = Duration::from_millis(200);
    let silent = Receiver::start(|_, _| Answer::Silence).await;
    assert_eq!(test(&world, &settings, &silent.url()).await.outcome, Err(CallError::TimedOut));
    let wordy = Receiver::start(|_, _| Answer::Long(200, 64 << 20)).await;
    settings.retry.call = Duration::from_secs(20);
    assert!(test(&world, &settings, &wordy.url()).await.is_delivered());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_taken_a_call_is_not_called_again_however_long_the_answer_goes_on() {
    let world = World::start().await;
    let mut endless = Receiver::start(|_, _| Answer::Endless(200)).await;
    let agent = world.agent_at(&endless.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    endless.next().await;
    let endpoint = world.endpoint("it has arrived", agent, |endpoint| endpoint.pending == 0).await;
    assert_eq!((endpoint.failing_since, endpoint.dead, endless.count()), (None, 0, 1));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_nobody_vouches_for_is_not_trusted_and_the_operator_is_told() {
    let world = World::start().await;
    let receiver = Receiver::self_signed().await;
    for host in ["127.0.0.1", "localhost"] {
        let loopback = Settings { networks: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()], ..settings() };
        let answered = test(&world, &loopback, &format!("https://{host}:{}/", receiver.address.port())).await;
        assert_eq!(answered.describe(), "no connection: invalid peer certificate: UnknownIssuer", "{host}");
    }
    let agent = world.agent_at(&format!("https://{}/", receiver.address)).await;
    let mut settings = settings();
    settings.retry.gives_up_after = Duration::from_millis(50);
    let running = world.webhooks(&settings);
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    let endpoint = world.endpoint("it is given up", agent, |endpoint| endpoint.dead == 1).await;
    let error = endpoint.dead_letters[0].error.as_deref();
    assert_eq!(error, Some("no connection: invalid peer certificate: UnknownIssuer"));
    assert_eq!(receiver.count(), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_address_is_told_to_the_operator_and_nobody_is_called() {
    let world = World::start().await;
    let receiver = Receiver::glad().await;
    let agent = world.agent_at(&format!("http://localhost:{}/", receiver.address.port())).await;
    let mut nothing = Settings { networks: vec![], ..settings() };
    nothing.retry.gives_up_after = Duration::from_millis(50);
    let running = world.webhooks(&nothing);
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    let endpoint = world.endpoint("it is given up", agent, |endpoint| endpoint.dead == 1).await;
    let error = endpoint.dead_letters[0].error.clone().unwrap();
    assert!(error.contains("webhook_networks"), "{error}");
    assert_eq!(receiver.count(), 0);
    running.stop().await;
}
