//! Keys that may do less than everything: what they lack is refused by name, and what is not theirs is not there.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Installation, arguments_of, send, until};

/// Issues a narrowed key to the agent that was made for the folder, and connects with it.
async fn narrowed(of: &Agent, options: &[&str]) -> Agent {
    let installation = Installation::shared();
    let id = of.id();
    let issued = installation.json(&[&["agent", "key", "issue", &id, "--name", "narrow"], options].concat()).remove(0);
    Agent::connect(installation.url(), issued["key"].as_str().unwrap()).await
}

/// A request that any valid key may make.
async fn knock(key: &str) -> crate::support::Answer {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let request = Installation::shared().visitor().request(Method::POST, "/mcp");
    send(request.header("accept", "application/json, text/event-stream").bearer_auth(key).json(&call)).await
}

async fn scene(agent: &Agent) -> (Value, Chatter) {
    let link = agent.link(json!({})).await;
    let chatter = Installation::shared().visitor().enter(&link).await;
    (link, chatter)
}

#[tokio::test]
async fn a_key_that_may_only_read_changes_nothing_with_any_tool() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Read only").await;
    let (link, chatter) = scene(&agent).await;
    chatter.say("Hello").await;
    let reader = narrowed(&agent, &["--scope", "read"]).await;
    let heard = reader.ask("temp_chat_wait_for_messages", json!({"link_id": link["link_id"], "timeout_seconds": 0})).await;
    assert_eq!(heard["events"][1]["data"]["text"], "Hello");
    for tool in agent.tools().await {
        let reads = tool.annotations.as_ref().and_then(|hints| hints.read_only_hint).unwrap();
        let arguments = arguments_of(&tool, &link["link_id"], &json!(chatter.session));
        let result = reader.call_named(&tool.name, arguments).await;
        let lacks = crate::support::text_of(&result).starts_with("scope_missing: ");
        assert_eq!(lacks, !reads && tool.name != "temp_chat_wait_for_messages", "{}", tool.name);
    }
    let told = reader.is_refused("temp_chat_send_message", json!({"session_id": chatter.session, "text": "Hello"})).await;
    assert_eq!(
        told,
        "scope_missing: temp_chat_send_message needs read, messages:write; this key has read. \
         Ask the operator for a key with messages:write, or do without; no other call gets around this."
    );
    assert_eq!(chatter.look().await["status"], "active");
    assert_eq!(chatter.words().await.len(), 1);
    assert_eq!(agent.ask("temp_chat_list_links", json!({})).await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_may_write_alone_reads_nothing() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Write only").await;
    let (link, chatter) = scene(&agent).await;
    chatter.say("A secret").await;
    let writer = narrowed(&agent, &["--scope", "messages:write,links:write", "--scope", "sessions:end"]).await;
    for tool in agent.tools().await {
        let arguments = arguments_of(&tool, &link["link_id"], &json!(chatter.session));
        if !["temp_chat_create_link", "temp_chat_erase_session"].contains(&&*tool.name) {
            let told = crate::support::text_of(&writer.call_named(&tool.name, arguments).await);
            assert!(told.starts_with("scope_missing: ") && !told.contains("A secret"), "{}: {told}", tool.name);
        }
    }
    assert_eq!(writer.link(json!({})).await["status"], "active");
}

#[tokio::test]
async fn a_key_of_one_link_finds_every_other_link_and_its_sessions_unknown() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Two links").await;
    let ((mine, my_chatter), (other, theirs)) = (scene(&agent).await, scene(&agent).await);
    theirs.say("A secret").await;
    my_chatter.say("Mine").await;
    let limited = narrowed(&agent, &["--link", mine["link_id"].as_str().unwrap()]).await;
    let (no_link, no_session) = (json!("lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa"), json!("ses_aaaaaaaaaaaaaaaaaaaaaaaaaa"));
    let whole = agent.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await["next_cursor"].clone();
    for tool in agent.tools().await {
        let properties = tool.input_schema["properties"].as_object().unwrap().clone();
        for (name, foreign, unknown) in
            [("link_id", &other["link_id"], &no_link), ("session_id", &json!(theirs.session), &no_session)]
        {
            if !properties.contains_key(name) {
                continue;
            }
            let of = async |id: &Value, after: Option<&Value>| {
                let mut arguments = arguments_of(&tool, &no_link, &no_session);
                // Nothing but the id in question.
                ["link_id", "session_id"].iter().filter(|other| **other != name).for_each(|other| {
                    arguments.as_object_mut().unwrap().remove(*other);
                });
                arguments[name] = id.clone();
                if let Some(after) = after.filter(|_| properties.contains_key("after")) {
                    arguments["after"] = after.clone();
                }
                let result = limited.call_named(&tool.name, arguments).await;
                assert_eq!(result.is_error, Some(true), "{} {name}", tool.name);
                crate::support::text_of(&result).replace(id.as_str().unwrap(), "ID")
            };
            for after in [None, Some(&whole)] {
                let (one, same) = (of(foreign, after).await, of(unknown, after).await);
                assert_eq!(one, same, "{} {name}", tool.name);
                assert!(one.starts_with("link_unknown: ") || one.starts_with("session_unknown: "), "{}: {one}", tool.name);
            }
        }
    }
    assert_eq!(theirs.look().await["status"], "active");
    assert_eq!(theirs.words().await.len(), 1);
}

#[tokio::test]
async fn a_key_of_one_link_hears_and_lists_nothing_else() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Two more links").await;
    let ((mine, my_chatter), (other, theirs)) = (scene(&agent).await, scene(&agent).await);
    let whole = agent.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await["next_cursor"].clone();
    theirs.say("A secret").await;
    my_chatter.say("Mine").await;
    let limited = narrowed(&agent, &["--link", mine["link_id"].as_str().unwrap()]).await;
    let none_of = |value: &Value| {
        let told = value.to_string();
        for foreign in [other["link_id"].as_str().unwrap(), &theirs.session, "A secret"] {
            assert!(!told.contains(foreign), "{foreign} in {told}");
        }
    };
    for arguments in [json!({"timeout_seconds": 0}), json!({"timeout_seconds": 0, "after": whole})] {
        let heard = limited.ask("temp_chat_wait_for_messages", arguments).await;
        none_of(&heard);
        assert!(heard.to_string().contains("Mine"));
        assert_eq!(heard["open_sessions_total"], 1);
    }
    // What it waits for is woken by its own link only.
    let cursor = limited.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await["next_cursor"].clone();
    let waiting = limited.ask("temp_chat_wait_for_messages", json!({"after": cursor, "timeout_seconds": 40}));
    let speaking = async {
        theirs.say("Another secret").await;
        my_chatter.say("Again").await;
    };
    let (heard, ()) = tokio::join!(waiting, speaking);
    none_of(&heard);
    assert_eq!(heard["events"][0]["data"]["text"], "Again");

    for tool in ["temp_chat_list_links", "temp_chat_list_sessions"] {
        let listed = limited.ask(tool, json!({})).await;
        none_of(&listed);
        assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{tool}");
    }
    let sent = limited.say(&my_chatter.session, "Hello").await;
    none_of(&sent);
    let told = limited.is_refused("temp_chat_create_link", json!({"title": "One more"})).await;
    assert!(told.starts_with("key_limited: This key may use lnk_") && told.contains("Call temp_chat_get_link"), "{told}");
    assert_eq!(limited.ask("temp_chat_get_link", json!({"link_id": mine["link_id"]})).await["url"], mine["url"]);
}

#[tokio::test]
async fn a_link_of_another_agent_limits_no_key() {
    let installation = Installation::shared();
    let (agent, other) = (installation.agent().await, installation.another_agent("Other").await);
    let link = other.link(json!({})).await;
    let refused = installation.run(&["agent", "key", "issue", &agent.id(), "--link", link["link_id"].as_str().unwrap()]);
    assert!(!refused.status.success());
}

#[tokio::test]
async fn a_key_ends_when_it_was_said_to() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Short-lived").await;
    let issued = installation.json(&["agent", "key", "issue", &agent.id(), "--expires", "2s"]).remove(0);
    let refused = until("the end of a key", async || {
        let answer = knock(issued["key"].as_str().unwrap()).await;
        (answer.status == 401).then_some(answer)
    });
    let refused = refused.await;
    let challenge = refused.header("www-authenticate").unwrap().to_owned();
    let told = refused.refused(401, "key_expired");
    let at = issued["expires_at"].as_str().unwrap();
    assert!(told["detail"].as_str().unwrap().starts_with(&format!("The API key expired at {at}.")), "{told}");
    assert_eq!(
        challenge,
        format!("Bearer realm=\"tempchat\", error=\"invalid_token\", error_description=\"The API key expired at {at}.\"")
    );
}

#[tokio::test]
async fn a_rotated_key_goes_on_where_it_was() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Rotated").await;
    let (link, chatter) = scene(&agent).await;
    chatter.say("Before").await;
    let cursor = agent.wait(&link, None).await["next_cursor"].clone();
    let look = json!({"link_id": link["link_id"], "timeout_seconds": 0});
    agent.ask("temp_chat_wait_for_messages", json!({"link_id": link["link_id"], "after": cursor, "timeout_seconds": 0})).await;

    let (id, key) = (agent.id(), format!("key_{}", agent.key().split('_').nth(3).unwrap()));
    let rotated = installation.json(&["agent", "key", "rotate", &id, &key, "--overlap", "1h"]).remove(0);
    let new = Agent::connect(installation.url(), rotated["key"].as_str().unwrap()).await;
    chatter.say("After").await;
    let heard = new.ask("temp_chat_wait_for_messages", look.clone()).await;
    let texts: Vec<_> = heard["events"].as_array().unwrap().iter().map(|event| &event["data"]["text"]).collect();
    assert_eq!(texts, ["After"], "what the old secret acknowledged does not come again");
    agent.ask("temp_chat_wait_for_messages", look).await;

    let newest = installation.json(&["agent", "key", "rotate", &id, &key, "--overlap", "0s"]).remove(0);
    assert_eq!(knock(newest["key"].as_str().unwrap()).await.status, 200);
    for gone in [agent.key(), new.key()] {
        until("the end of an earlier secret", async || (knock(gone).await.status == 401).then_some(())).await;
    }
}

#[tokio::test]
async fn an_operator_sees_what_keys_may_do_and_when_they_were_used() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Looked at").await;
    let link = agent.link(json!({})).await;
    let id = link["link_id"].as_str().unwrap();
    let issued = installation.json(&["agent", "key", "issue", &agent.id(), "--scope", "read", "--link", id, "--expires", "30d"]);
    let keys = async || {
        let listed = installation.json(&["agent", "list"]).remove(0);
        let agents = listed.as_array().unwrap().clone();
        agents.iter().find(|listed| listed["agent_id"] == agent.id()).unwrap()["keys"].as_array().unwrap().clone()
    };
    let used = until("the use of the first key", async || {
        let keys = keys().await;
        (keys.len() == 2 && keys[0]["last_used_at"].is_string()).then_some(keys)
    });
    let used = used.await;
    let hour = used[0]["last_used_at"].as_str().unwrap();
    assert!(hour.ends_with(":00:00.000Z"), "{hour}");
    assert_eq!(used[0]["scopes"].as_array().unwrap().len(), 4);
    assert_eq!(used[1]["last_used_at"], Value::Null);
    assert_eq!((&used[1]["scopes"], &used[1]["link_id"]), (&json!(["read"]), &link["link_id"]));
    assert_eq!(used[1]["expires_at"], issued[0]["expires_at"]);
    let table = String::from_utf8(installation.run(&["agent", "list"]).stdout).unwrap();
    assert!(table.contains(&format!("read on {id}")), "{table}");
}
