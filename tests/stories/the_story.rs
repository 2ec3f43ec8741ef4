//! The story: an agent makes a link, a person chats with it, it expires, and then it is gone.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Installation, Stream, files_with, message_on, send, soon, token_of, until, words_of};

/// Idle after 1.5 s; gone 20 s after the end, which is long enough to look at what has ended.
const SHORT: (f64, f64) = (0.025, 20.0 / 60.0);

#[tokio::test]
async fn a_person_and_an_agent_chat_until_it_is_gone() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let (idle, keep) = SHORT;
    let link = agent
        .link(json!({
            "title": "The garden party",
            "welcome_message": "Welcome! What can I do for the party?",
            "idle_timeout_minutes": idle,
            "keep_minutes_after_end": keep,
        }))
        .await;
    assert_eq!(link["reachable"], "this_machine");
    assert_eq!(link["status"], "active");

    let chatter = arrives(installation, &link).await;
    they_talk(&agent, &link, &chatter).await;
    nothing_is_lost_while_away(&agent, &chatter).await;
    idleness_only_frees_the_place(&agent, &link, &chatter).await;

    let wrapped = until("an open session's key on the disk", async || wrapped_key(installation, &agent, &chatter)).await;
    assert!(wrapped.len() >= 32 && !files_with(&installation.data(), &wrapped).is_empty());
    time_runs_out(&agent, &link, &chatter).await;
    it_is_gone(installation, &agent, &chatter, &wrapped).await;
}

/// Looking uses up nothing; the tap begins a session.
async fn arrives(installation: &Installation, link: &Value) -> Chatter {
    let visitor = installation.visitor();
    let seen = visitor.inspect(token_of(link)).await.expect(200);
    assert_eq!(seen["link"]["state"], "open");
    assert_eq!(seen["link"]["title"], "The garden party");
    assert_eq!(seen["link"]["welcome_message"], "Welcome! What can I do for the party?");
    assert_eq!(seen.get("your_session"), None);

    let chatter = visitor.enter(link).await;
    assert_eq!(chatter.joined["session"]["status"], "active");
    assert_eq!(chatter.joined["events"][0]["type"], "session_started");
    assert_eq!(chatter.joined["events"][1]["data"]["kind"], "welcome");
    assert_eq!(visitor.inspect(token_of(link)).await.expect(200)["your_session"]["id"], chatter.session.as_str());
    chatter
}

/// Words go to the agent's wait and back to the chatter's stream, and are there after a reload.
async fn they_talk(agent: &Agent, link: &Value, chatter: &Chatter) {
    let mut stream = chatter.follow(chatter.joined["next_cursor"].as_str()).await;
    let said = chatter.say("Do we need a tent?").await;
    assert_eq!(stream.find("message").await["id"], said["id"]);

    let heard = agent.wait(link, None).await;
    let message = heard["events"].as_array().unwrap().iter().find(|event| event["id"] == said["id"]).expect("it is heard");
    assert_eq!(message["data"]["text"], "Do we need a tent?");
    assert_eq!(message["data"]["untrusted"], true);
    assert_eq!(heard["suggested_next"], "reply");
    assert_eq!(heard["open_sessions"][0]["waiting_for"], "agent");

    let sent = agent.say(&chatter.session, "Yes: it will **rain**.").await;
    assert_eq!(sent["sent"]["replayed"], false);
    let answer = stream.find("message").await;
    assert_eq!(answer["id"], sent["sent"]["event_id"]);
    assert_eq!(answer["data"]["html"].as_str().unwrap().trim(), "<p>Yes: it will <strong>rain</strong>.</p>");

    // A reload: the same device, its cookie, and nothing else.
    let back = chatter.visitor.inspect(token_of(link)).await.expect(200)["your_session"]["id"].clone();
    assert_eq!(chatter.trying(back.as_str().unwrap()).look().await["id"], chatter.session.as_str());
    let words: Vec<String> = chatter.words().await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(words, ["Welcome! What can I do for the party?", "Do we need a tent?", "Yes: it will **rain**."]);
}

/// What is missed comes after the last known event: once each, in order, over a stream as over the long poll.
async fn nothing_is_lost_while_away(agent: &Agent, chatter: &Chatter) {
    let mut stream = chatter.follow(None).await;
    stream.words(3).await;
    let known = stream.last_id().unwrap().to_owned();
    drop(stream);
    let missed = ["One pole is broken.", "I know who can mend it.", "It costs nothing."];
    for text in missed {
        agent.say(&chatter.session, text).await;
    }

    let mut resumed = chatter.follow(Some(&known)).await;
    assert_eq!(resumed.words(3).await, missed);
    assert_eq!(polled(chatter, &known, 3).await, missed);

    // A poll that has nothing to say yet waits for the next word, and the stream has it as the next one too.
    let last = resumed.last_id().unwrap().to_owned();
    let (heard, _) = tokio::join!(polled(chatter, &last, 1), agent.say(&chatter.session, "Shall I call him?"));
    assert_eq!(heard, ["Shall I call him?"]);
    assert_eq!(resumed.words(1).await, ["Shall I call him?"]);
}

/// Polls for the next so many words after an event; that the session rests may come before them, in a page of its own.
async fn polled(chatter: &Chatter, after: &str, count: usize) -> Vec<String> {
    let (mut after, mut words) = (after.to_owned(), Vec::new());
    while words.len() < count {
        let page = chatter.get(&format!("/messages?after={after}&wait=20")).await.expect(200);
        words.extend(words_of(page["events"].as_array().unwrap()).into_iter().map(|(_, text)| text));
        after = page["next_cursor"].as_str().unwrap().to_owned();
    }
    words
}

/// A silence makes the session idle; the next word brings it back, and somebody is told each time.
async fn idleness_only_frees_the_place(agent: &Agent, link: &Value, chatter: &Chatter) {
    let last = chatter.get("/messages?limit=100").await.expect(200)["next_cursor"].clone();
    let mut stream = chatter.follow(last.as_str()).await;
    if chatter.look().await["status"] != "idle" {
        stream.find("session_idle").await;
    }
    assert_eq!(chatter.look().await["status"], "idle");
    chatter.say("Yes please.").await;
    stream.find("session_resumed").await;
    assert_eq!(stream.words(1).await, ["Yes please."]);

    // While the agent owes a reply the session stays.
    let heard = agent.wait(link, None).await;
    assert_eq!(heard["open_sessions"][0]["status"], "active");
    assert_eq!(heard["open_sessions"][0]["session_id"], chatter.session.as_str());
}

/// The timer ends the link and the session, and both sides are told.
async fn time_runs_out(agent: &Agent, link: &Value, chatter: &Chatter) {
    let last = chatter.get("/messages?limit=100").await.expect(200)["next_cursor"].clone();
    let mut stream = chatter.follow(last.as_str()).await;
    stream.begins().await;
    let after = agent.wait(link, None).await["next_cursor"].clone();
    let updated = agent.update(link, json!({"expires_in_minutes": 0.03})).await;
    assert_eq!(stream.find("session_updated").await["data"]["expires_at"], updated["expires_at"]);
    assert_eq!(stream.find("session_ended").await["data"]["reason"], "link_expired");
    chatter.visitor.join(token_of(link), json!({"client_id": crate::support::uuid()})).await.refused(410, "link_expired");
    assert_eq!(chatter.visitor.inspect(token_of(link)).await.expect(200)["link"]["state"], "expired");

    let mut after = after;
    let closed = until("the agent is told", async || {
        let heard = agent.wait(link, Some(&after)).await;
        after = heard["next_cursor"].clone();
        let kinds: Vec<_> = heard["events"].as_array()?.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        kinds.contains(&"link_closed".to_owned()).then_some(heard)
    })
    .await;
    assert_eq!(closed["timed_out"], false);
    // The stream ends with the chat; who comes back later is told that the words are gone, and then nothing more.
    let mut last = stream.rest().await.pop();
    while last.as_deref() != Some("erased") {
        let seen = stream.last_id().unwrap().to_owned();
        let back = until("the words are gone", async || {
            let back = chatter.request(Method::GET, "/events").header("last-event-id", &seen);
            let answer = soon("an answer", back.send()).await.unwrap();
            (answer.status() == StatusCode::OK).then_some(answer)
        });
        stream = Stream::new(back.await);
        last = stream.rest().await.pop().or(last);
    }
    let back = chatter.request(Method::GET, "/events").header("last-event-id", stream.last_id().unwrap());
    assert_eq!(send(back).await.status, StatusCode::NO_CONTENT, "nobody need come back after that");
}

/// No part can show a word any more, the key's bytes are in no file, and the log is whole.
async fn it_is_gone(installation: &Installation, agent: &Agent, chatter: &Chatter, wrapped: &[u8]) {
    chatter.get("").await.refused(410, "session_erased");
    chatter.get("/messages").await.refused(410, "session_erased");
    chatter.get("/transcript?format=txt").await.refused(410, "session_erased");

    let read = agent.call("temp_chat_read_messages", json!({"session_id": chatter.session})).await;
    let shown = serde_json::to_string(&read).unwrap();
    let log = installation.json(&["log", "show", "--with-text", "--agent", &agent.id()]);
    let session: Vec<&Value> = log.iter().filter(|event| event["target"] == chatter.session.as_str()).collect();
    let texts: Vec<&Value> = session.iter().map(|event| &event["text"]).filter(|text| !text.is_null()).collect();
    assert!(texts.len() >= 8, "{session:?}");
    assert!(texts.iter().all(|text| **text == "(erased)"), "{texts:?}");

    let said = ["Do we need a tent?", "Yes: it will **rain**.", "One pole is broken.", "Yes please.", "Shall I call him?"];
    for words in said {
        assert!(!shown.contains(words), "{shown}");
        assert_eq!(files_with(installation.folder().path(), words.as_bytes()), [""; 0], "{words:?} is in a file");
    }
    assert_eq!(files_with(&installation.data(), wrapped), [""; 0], "the session's key is in a file");
    assert_eq!(wrapped_key(installation, agent, chatter), None);

    let shards = installation.json(&["log", "verify"]);
    assert!(shards.iter().any(|shard| shard["commits"].as_u64().unwrap() > 0));
}

/// Finds the session's wrapped data key where nats-server stores it.
fn wrapped_key(installation: &Installation, agent: &Agent, chatter: &Chatter) -> Option<Vec<u8>> {
    let subject = format!("key.{}.session.{}", agent.id(), chatter.session);
    message_on(&installation.data().join("nats"), &subject)
}
