//! Which events are told, in which form, and signed by whom.

use command_service::NewWebhook;
use domain::session::{EndReason, Reader};
use nats::{Actor, WebhookSecrets};
use serde_json::json;

use crate::receiver::{Answer, Receiver};
use crate::world::{KEY, World, settings};

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_is_told_by_ids_and_types_alone() {
    let world = World::start().await;
    let mut receiver = Receiver::glad().await;
    let agent = world.agent_at(&receiver.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    world.say(session, 1, "something private").await;

    let started = receiver.find("session_started").await;
    let message = receiver.find("message").await;
    let secret = WebhookSecrets::new(world.backbone.secrets()).text(agent, None, 0);
    for call in [&started, &message] {
        assert_eq!(call.signatures_by(&secret), 1);
        assert_eq!((call.path.as_str(), call.header("content-type")), ("/hook", "application/json"));
        assert!(call.header("user-agent").starts_with("tempchat/"));
    }
    let told = message.json();
    assert_eq!(told["agent_id"], agent.to_string());
    assert_eq!(told["timestamp"], told["data"]["at"]);
    let mut names: Vec<_> = told["data"].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["at", "id", "link_id", "session_id", "type"]);
    assert_eq!(told["data"]["id"], message.id());
    assert_eq!(told["data"]["link_id"], link.to_string());
    assert!(!message.text().contains("private"));
    let others = WebhookSecrets::new(world.backbone.secrets()).text(world.agent().await, None, 0);
    assert_eq!(message.signatures_by(&others), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_did_and_read_is_no_news_to_it() {
    let world = World::start().await;
    let mut receiver = Receiver::glad().await;
    let agent = world.agent_at(&receiver.url()).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    let said = world.commands.post(session, Actor::Chatter, "one", "hello").await.unwrap();
    world.commands.post(session, Actor::Agent(KEY), "two", "hello yourself").await.unwrap();
    world.commands.mark_read(session, Reader::Agent(KEY), said.position.sequence).await.unwrap();
    world.commands.mark_read(session, Reader::Chatter, said.position.sequence).await.unwrap();
    world.commands.revoke_link(agent, Actor::Operator, link, false, None).await.unwrap();
    world.commands.end(session, Actor::Chatter, EndReason::ChatterLeft, None).await.unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 4 {
        kinds.push(receiver.next().await.json()["type"].as_str().unwrap().to_owned());
    }
    kinds.sort_unstable();
    assert_eq!(kinds, ["link_closed", "message", "session_ended", "session_started"]);
    world.endpoint("nothing waits", agent, |endpoint| endpoint.pending == 0).await;
    assert!(receiver.rest().is_empty());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_told_where_an_operator_chose_so() {
    let world = World::start().await;
    let mut receiver = Receiver::glad().await;
    let agent = world.agent().await;
    world.set(agent, None, &receiver.url(), true).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    world.say(session, 1, "it \u{7}rains").await;
    let message = receiver.find("message").await.json();
    assert_eq!(message["data"]["data"], json!({"from": "chatter", "text": "it \u{fffd}rains", "untrusted": true}));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_word_gets_into_a_header() {
    let world = World::start().await;
    let mut receiver = Receiver::glad().await;
    let agent = world.agent().await;
    world.set(agent, None, &receiver.url(), true).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    world.say(session, 1, "x\r\nwebhook-id: evil\r\n\r\nGET / HTTP/1.1\r\n").await;
    let message = receiver.find("message").await;
    assert_eq!(message.json()["data"]["data"]["text"], "x\r\nwebhook-id: evil\r\n\r\nGET / HTTP/1.1\r\n");
    assert!(message.id().starts_with("evt_"));
    let mut names = message.header_names();
    names.sort_unstable();
    let expected = "accept content-length content-type host user-agent webhook-id webhook-signature webhook-timestamp";
    assert_eq!(names.join(" "), expected);
    world.endpoint("nothing waits", agent, |endpoint| endpoint.pending == 0).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_erased_before_they_arrive_are_never_told() {
    let world = World::start().await;
    let mut deaf = Receiver::start(|_, _| Answer::Status(500)).await;
    let agent = world.agent().await;
    world.set(agent, None, &deaf.url(), true).await;
    let running = world.webhooks(&settings());
    let link = world.link(agent).await;
    let session = world.chat(agent, link).await;
    world.say(session, 1, "forget this").await;
    assert!(deaf.find("message").await.text().contains("forget this"));
    world.commands.erase(session, Actor::Chatter).await.unwrap();
    // What was under way when the words went may still be; what begins after that has none.
    let mut receiver = Receiver::glad().await;
    world.set(agent, None, &receiver.url(), true).await;
    let message = receiver.find("message").await;
    assert_eq!(message.json()["data"]["data"], json!({"from": "chatter", "untrusted": true}));
    receiver.find("erased").await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_rotation_both_secrets_sign_for_a_while() {
    let world = World::start().await;
    let mut receiver = Receiver::glad().await;
    let agent = world.agent_at(&receiver.url()).await;
    let rotated = NewWebhook { url: receiver.url(), with_text: false, rotate: true };
    let (webhook, _) = world.commands.set_webhook(agent, None, Some(rotated)).await.unwrap();
    assert_eq!(webhook.unwrap().rotation, 1);
    let running = world.webhooks(&settings());
    // The log is read from its beginning: that the rotation was a moment ago is told by its commit.
    world.caught_up(&running).await;
    let link = world.link(agent).await;
    world.chat(agent, link).await;
    let call = receiver.next().await;
    let secrets = WebhookSecrets::new(world.backbone.secrets());
    assert_eq!(call.header("webhook-signature").split(' ').count(), 2);
    assert_eq!(call.signatures_by(&secrets.text(agent, None, 0)), 1);
    assert_eq!(call.signatures_by(&secrets.text(agent, None, 1)), 1);

    // Off and on again, it stays the new one.
    world.commands.set_webhook(agent, None, None).await.unwrap();
    let again = NewWebhook { url: receiver.url(), with_text: false, rotate: false };
    assert_eq!(world.commands.set_webhook(agent, None, Some(again)).await.unwrap().0.unwrap().rotation, 1);
    running.stop().await;
}
