//! Power cuts, Ctrl-C, and read models made anew: nothing acknowledged is missing, nothing is left running.

use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Installation, Visitor, processes_on, token_of, until};

/// A link with two sessions, one of them over.
struct Past {
    link: Value,
    talking: Chatter,
    ended: Chatter,
}

async fn some_past(installation: &Installation, agent: &Agent) -> Past {
    let link = agent.link(json!({"title": "Before the storm", "purpose": "To outlive it", "max_sessions_at_once": 3})).await;
    let talking = installation.visitor().enter(&link).await;
    let ended = installation.visitor().enter(&link).await;
    for n in 0..5 {
        talking.say(&format!("Question {n}")).await;
        agent.say(&talking.session, &format!("Answer {n}")).await;
    }
    ended.say("Not for me").await;
    ended.post("/end", &json!({"rating": 2, "feedback": "Too windy"})).await.expect(200);
    until("the place of the one who left", async || {
        let seen = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
        (seen["counts"]["places_taken"] == 1).then_some(())
    })
    .await;
    // Which marks of the agent are still to be written is waited for where nothing is asked but what is new to it.
    agent.wait(&link, None).await;
    Past { link, talking, ended }
}

/// Everything that can be asked about the past, without what depends on when it is asked.
async fn answers(agent: &Agent, past: &Past, url: &str) -> Vec<Value> {
    let link = json!({"link_id": past.link["link_id"]});
    let session = json!({"session_id": past.talking.session, "limit": 100});
    let mut answers = vec![
        agent.ask("temp_chat_get_link", link.clone()).await,
        agent.ask("temp_chat_list_links", json!({})).await,
        agent.ask("temp_chat_list_sessions", link).await,
        agent.ask("temp_chat_get_analytics", json!({})).await,
        agent.ask("temp_chat_read_messages", session).await,
        past.talking.at(url).get("/messages?limit=100").await.expect(200),
        past.ended.at(url).get("/messages?limit=100").await.expect(200),
        past.talking.at(url).get("").await.expect(200),
    ];
    answers.iter_mut().for_each(timeless);
    answers
}

/// Takes out what changes by itself: the time, who is there, and the port of the address.
fn timeless(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for passing in ["now", "since", "agent_state", "chatter_online", "url", "typing", "stale", "kept_until"] {
                fields.remove(passing);
            }
            fields.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn after_kill_9_nothing_is_left_running_and_nothing_is_missing() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let past = some_past(&installation, &agent).await;
    let before = answers(&agent, &past, installation.url()).await;
    let mut stream = past.talking.follow(None).await;
    let heard = stream.words(10).await;
    let last = stream.last_id().unwrap().to_owned();
    // Written, and the power is gone before anyone could read it.
    past.talking.say("Did you hear that?").await;
    let folder = installation.kill();
    stream.rest().await;
    until("the end of the servers", async || processes_on(folder.path()).is_empty().then_some(())).await;

    let installation = Installation::on(folder);
    let agent = installation.agent().await;
    let talking = past.talking.at(installation.url());
    let mut resumed = talking.follow(Some(&last)).await;
    assert_eq!(resumed.words(1).await, ["Did you hear that?"]);
    let words: Vec<String> = talking.words().await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(words[..10], heard);
    assert_eq!(words.len(), 11);
    assert_eq!(past.ended.at(installation.url()).look().await["ends_reason"], "chatter_left");
    let after = answers(&agent, &past, installation.url()).await;
    assert_eq!(after[1]["items"][0]["link_id"], before[1]["items"][0]["link_id"]);
    assert_eq!(after[6], before[6]);
    // The address that was given out still leads in.
    Visitor::new(installation.url()).join(token_of(&past.link), json!({})).await.expect(201);
    agent.say(&talking.session, "Just the wind.").await;
    assert_eq!(resumed.words(1).await, ["Just the wind."]);

    let (folder, status) = installation.interrupt().await;
    assert_eq!(status.code(), Some(0), "Ctrl-C is a clean end");
    assert_eq!(processes_on(folder.path()), [""; 0], "and leaves nothing running");
}

#[tokio::test]
async fn read_models_made_anew_give_the_same_answers() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let past = some_past(&installation, &agent).await;
    let before = answers(&agent, &past, installation.url()).await;
    let unknown = installation.run(&["rebuild", "everything"]);
    assert!(!unknown.status.success() && String::from_utf8(unknown.stderr).unwrap().contains("rows"), "what there is, is told");
    let rebuilt = installation.json(&["rebuild", "rows"]);
    assert!(rebuilt.iter().any(|shard| shard["commits"].as_u64().unwrap() > 0));
    assert_eq!(answers(&agent, &past, installation.url()).await, before);
    // Nothing fired twice, and life goes on.
    past.talking.say("Still here").await;
    let heard = agent.wait(&past.link, None).await;
    assert!(heard["events"].to_string().contains("Still here"));
    installation.json(&["log", "verify"]);
}

#[tokio::test]
async fn a_stream_ends_in_order_when_the_service_stops() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let mut stream = chatter.follow(None).await;
    stream.begins().await;
    let ((folder, status), _) = tokio::join!(installation.interrupt(), stream.rest());
    assert_eq!(status.code(), Some(0));
    assert_eq!(processes_on(folder.path()), [""; 0]);
}
