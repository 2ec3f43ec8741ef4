//! Saying something: once, not too much, not too often.

use std::time::Instant;

use serde_json::json;

use crate::support::{Installation, send, until, uuid, words_of};

#[tokio::test]
async fn the_same_message_twice_is_said_once() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let message = json!({"client_message_id": uuid(), "text": "Only once, please"});
    let first = chatter.post("/messages", &message).await.expect(201);
    let again = chatter.post("/messages", &message).await.expect(200);
    assert_eq!(again["event"]["id"], first["event"]["id"]);
    assert_eq!(again["event"]["cursor"], first["event"]["cursor"]);
    assert_eq!(first["event"]["data"]["client_message_id"], message["client_message_id"]);
    let other = json!({"client_message_id": message["client_message_id"], "text": "Something else"});
    chatter.post("/messages", &other).await.refused(409, "id_reused");
    assert_eq!(chatter.words().await.len(), 1);

    // Whatever has happened since.
    chatter.post("/end", &json!({})).await.expect(200);
    let late = chatter.post("/messages", &message).await.expect(200);
    assert_eq!(late["event"]["id"], first["event"]["id"]);
    chatter.post("/messages", &json!({"client_message_id": uuid(), "text": "New"})).await.refused(409, "session_ended");
}

#[tokio::test]
async fn a_message_has_at_least_one_character_and_at_most_as_many_as_allowed() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    assert_eq!(chatter.joined["session"]["limits"]["max_message_chars"], 4_000);
    chatter.say(&"ü".repeat(4_000)).await;
    let post = async |text: &str| chatter.post("/messages", &json!({"client_message_id": uuid(), "text": text})).await;
    post(&"ü".repeat(4_001)).await.refused(422, "text_too_long");
    post("").await.refused(422, "text_empty");
    // Of nothing but what no screen shows, too: a blank of braille, breaks, a Hangul filler, NUL, a selector.
    for nothing in [" \n\t ", "\u{2800}", "\u{200b}\u{200b}", "\u{3164}", "\u{0}", "\u{fe0f}", "\u{a0}\u{ad}"] {
        post(nothing).await.refused(422, "text_empty");
    }
    post("👍").await.expect(201);
}

#[tokio::test]
async fn who_writes_too_fast_is_told_when_to_go_on() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 3})).await;
    let chatter = installation.visitor().enter(&link).await;
    let (began, mut said) = (Instant::now(), 0);
    let refused = loop {
        let answer = chatter.post("/messages", &json!({"client_message_id": uuid(), "text": "One more"})).await;
        if answer.status != 201 {
            break answer;
        }
        said += 1;
    };
    refused.refused(429, "rate_limited");
    // Three, and three more for each minute that it took.
    let most = 3 * (1 + began.elapsed().as_secs() / 60);
    assert!((3..=most).contains(&said), "{said} of {most}");
    assert_eq!(chatter.words().await.len() as u64, said);
}

#[tokio::test]
async fn the_last_message_of_a_session_is_the_last() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_messages_per_session": 2})).await;
    let chatter = installation.visitor().enter(&link).await;
    assert_eq!(chatter.joined["session"]["messages_left"], 2);
    chatter.say("First").await;
    chatter.say("Second").await;
    assert_eq!(chatter.look().await["messages_left"], 0);
    let third = json!({"client_message_id": uuid(), "text": "Third"});
    chatter.post("/messages", &third).await.refused(409, "message_limit_reached");
    // The agent has a limit of its own.
    agent.say(&chatter.session, "That is all right.").await;
}

#[tokio::test]
async fn pages_of_a_history_join_without_gap_or_overlap() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 100})).await;
    let chatter = installation.visitor().enter(&link).await;
    let said: Vec<String> = (0..12).map(|n| format!("Line {n}")).collect();
    for line in &said {
        chatter.say(line).await;
    }
    let mut read = Vec::new();
    let mut path = "/messages?limit=5".to_owned();
    loop {
        let page = chatter.get(&path).await.expect(200);
        let events = page["events"].as_array().unwrap();
        assert!(events.len() <= 5);
        read.extend(words_of(events).into_iter().map(|(_, text)| text));
        if page["has_more"] == false {
            break;
        }
        path = format!("/messages?limit=5&after={}", page["next_cursor"].as_str().unwrap());
    }
    assert_eq!(read, said);
    let newest = chatter
        .get(&format!("/messages?limit=3&before={}", chatter.say("Last").await["cursor"].as_str().unwrap()))
        .await
        .expect(200);
    let newest: Vec<String> = words_of(newest["events"].as_array().unwrap()).into_iter().map(|(_, text)| text).collect();
    assert_eq!(newest, said[9..], "backwards too, the oldest of them first");
    chatter.get("/messages?after=made-up").await.refused(422, "cursor_invalid");
    let reset = send(chatter.request(http::Method::GET, "/events").header("last-event-id", "made-up")).await;
    assert!(reset.text().contains("event: reset\n"), "{}", reset.text());
}

#[tokio::test]
async fn a_transcript_comes_in_every_format() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"title": "Tulips"})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.say("How deep do they <go>?").await;
    agent.say(&chatter.session, "Three times their **height**.").await;
    for (format, kind) in [("md", "text/markdown"), ("txt", "text/plain"), ("json", "application/json"), ("html", "text/html")] {
        let transcript = chatter.get(&format!("/transcript?format={format}")).await;
        assert_eq!(transcript.status, 200, "{format}");
        assert!(transcript.header("content-type").unwrap().starts_with(kind), "{format}");
        let text = transcript.text();
        for words in ["Tulips", "How deep do they", "Three times their"] {
            assert!(text.contains(words), "{words:?} in {format}:\n{text}");
        }
        assert!(format != "html" || !text.contains("<go>"), "{text}");
    }
}

#[tokio::test]
async fn each_side_sees_what_the_other_does() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.post("/typing", &json!({"typing": true})).await.expect(204);
    let speaks = async {
        until("the agent to listen", async || (chatter.look().await["agent_state"] == "listening").then_some(())).await;
        chatter.say("Are you there?").await
    };
    let after = agent.wait(&link, None).await["next_cursor"].clone();
    let (heard, said) = tokio::join!(agent.wait(&link, Some(&after)), speaks);
    assert_eq!(heard["events"][0]["id"], said["id"]);
    assert_eq!(chatter.look().await["agent_state"], "thinking", "it owes a reply");

    // The agent's next call acknowledges the word: then the chatter sees that it was read.
    let mut stream = chatter.follow(None).await;
    let message = json!({"session_id": chatter.session, "text": "Yes", "after": heard["next_cursor"]});
    let sent = agent.ask("temp_chat_send_message", message).await;
    let read = stream.find("read").await;
    assert_eq!(read["data"]["by"], "agent");
    assert_eq!(chatter.look().await["agent_state"], "online");

    // And the agent is not woken by a chatter who only reads.
    let answer = chatter.get("/messages?limit=100").await.expect(200);
    chatter.post("/read", &json!({"upto": answer["next_cursor"]})).await.expect(204);
    let arguments = json!({"session_id": chatter.session, "after": sent["next_cursor"], "timeout_seconds": 1});
    let undisturbed = agent.ask("temp_chat_wait_for_messages", arguments).await;
    assert_eq!(undisturbed["timed_out"], true, "{undisturbed}");
}

#[tokio::test]
async fn what_an_agent_writes_reaches_a_page_without_danger() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let text = "# Hi\n<img src=x onerror=alert(1)> [click](javascript:alert(1)) `code`";
    agent.say(&chatter.session, text).await;
    let page = chatter.get("/messages").await.expect(200);
    let said = page["events"].as_array().unwrap().iter().rfind(|event| event["type"] == "message").unwrap();
    let data = &said["data"];
    assert_eq!(data["text"], text, "{page}");
    let html = data["html"].as_str().unwrap();
    for danger in ["<img", "<script", "javascript:"] {
        assert!(!html.contains(danger), "{html}");
    }
    assert!(html.contains("<code>code</code>"), "{html}");
}
