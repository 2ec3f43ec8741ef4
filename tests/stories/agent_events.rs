//! An agent's program that stays connected: its event stream.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Agent, Installation, Stream, Visitor, send, soon};

fn request(visitor: &Visitor, key: &str, query: &str) -> reqwest::RequestBuilder {
    visitor.request(Method::GET, &format!("/api/v1/agent/events{query}")).bearer_auth(key)
}

async fn follow(installation: &Installation, agent: &Agent, query: &str) -> Stream {
    let mut stream = Stream::new(soon("a stream", request(&installation.visitor(), agent.key(), query).send()).await.unwrap());
    stream.begins().await;
    stream
}

#[tokio::test]
async fn it_hears_what_its_waits_would() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Ears").await;
    let mut stream = follow(installation, &agent, "").await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let said = chatter.say("Hello \u{7}there").await;
    let started = stream.next().await.unwrap();
    assert_eq!((&started["type"], &started["session_id"]), (&json!("session_started"), &json!(chatter.session)));
    let heard = stream.next().await.unwrap();
    assert_eq!((&heard["id"], &heard["link_id"]), (&said["id"], &link["link_id"]));
    assert_eq!(heard["data"], json!({"from": "chatter", "text": "Hello \u{fffd}there", "untrusted": true}));

    // Its own words are no news, another key's are, under that key's name.
    agent.say(&chatter.session, "Hello yourself").await;
    let issued = installation.json(&["agent", "key", "issue", &agent.id(), "--name", "second"]).remove(0);
    let second = Agent::connect(installation.url(), issued["key"].as_str().unwrap()).await;
    second.say(&chatter.session, "Hello from me too").await;
    let heard = stream.next().await.unwrap();
    assert_eq!((&heard["data"]["text"], &heard["by"]), (&json!("Hello from me too"), &json!("second")));

    // Its cursors are those of MCP, and the other way round.
    let waited = agent.ask("temp_chat_wait_for_messages", json!({"after": started["cursor"], "timeout_seconds": 0})).await;
    assert_eq!(waited["events"][0]["id"], said["id"]);
    let mut resumed = follow(installation, &agent, &format!("?after={}", waited["next_cursor"].as_str().unwrap())).await;
    chatter.say("Later").await;
    for stream in [&mut stream, &mut resumed] {
        assert_eq!(stream.next().await.unwrap()["data"]["text"], "Later");
    }
    agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"]})).await;
    assert_eq!(stream.find("session_ended").await["data"]["reason"], "link_revoked");
}

#[tokio::test]
async fn it_resumes_without_a_gap_and_may_begin_now() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Resuming ears").await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    for number in 0..30 {
        chatter.post("/messages", &json!({"client_message_id": format!("m{number}"), "text": format!("Word {number}")})).await;
    }
    let mut all = follow(installation, &agent, "").await;
    let mut words = all.words(3).await;
    let resumed = request(&installation.visitor(), agent.key(), "").header("last-event-id", all.last_id().unwrap());
    drop(all);
    let mut resumed = Stream::new(soon("a stream", resumed.send()).await.unwrap());
    let page = chatter.words().await;
    words.extend(resumed.words(page.len() - 3).await);
    assert_eq!(words, page.into_iter().map(|(_, word)| word).collect::<Vec<_>>());
    // What was heard by now is no news any more.
    let mut now = follow(installation, &agent, "?from=now").await;
    chatter.post("/end", &json!({})).await.expect(200);
    assert_eq!(now.next().await.unwrap()["type"], "session_ended");
}

#[tokio::test]
async fn it_may_listen_to_one_link() {
    let installation = Installation::shared();
    let agent = installation.another_agent("One ear").await;
    let (link, other) = (agent.link(json!({})).await, agent.link(json!({})).await);
    let of_link = format!("?link_id={}", link["link_id"].as_str().unwrap());
    let mut stream = follow(installation, &agent, &of_link).await;
    installation.visitor().enter(&other).await.say("Elsewhere").await;
    let chatter = installation.visitor().enter(&link).await;
    assert_eq!(stream.next().await.unwrap()["session_id"], json!(chatter.session));

    // What a link's cursor names says nothing of the others.
    let (visitor, cursor) = (installation.visitor(), link["next_cursor"].as_str().unwrap());
    follow(installation, &agent, &format!("{of_link}&after={cursor}")).await;
    send(request(&visitor, agent.key(), &format!("?after={cursor}"))).await.refused(422, "cursor_scope");
    let stranger = installation.another_agent("Stranger").await;
    let foreign = send(request(&visitor, stranger.key(), &of_link)).await.refused(404, "link_unknown");
    let unknown = send(request(&visitor, stranger.key(), "?link_id=lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa")).await;
    assert_eq!(timeless(foreign), timeless(unknown.refused(404, "link_unknown")));
    let reset = soon("a stream", request(&visitor, agent.key(), "?after=nonsense").send()).await.unwrap();
    assert!(soon("its end", reset.text()).await.unwrap().contains("event: reset"));
}

/// Takes out what names the request.
fn timeless(mut problem: Value) -> Value {
    problem.as_object_mut().unwrap().remove("instance");
    problem
}

#[tokio::test]
async fn nobody_hears_without_a_valid_key() {
    let installation = Installation::shared();
    let visitor = installation.visitor();
    send(visitor.request(Method::GET, "/api/v1/agent/events")).await.refused(401, "key_invalid");
    send(request(&visitor, "tc_nonsense", "")).await.refused(401, "key_invalid");
    let added = installation.json(&["agent", "add", "Short"]).remove(0);
    let agent = Agent::connect(installation.url(), added["key"].as_str().unwrap()).await;
    let mut stream = follow(installation, &agent, "").await;
    installation.json(&["agent", "key", "revoke", &agent.id(), added["key_id"].as_str().unwrap()]);
    // Nothing happens any more, and then it ends.
    assert_eq!(stream.next().await, None);
}
