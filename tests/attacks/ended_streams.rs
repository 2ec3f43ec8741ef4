//! Chats that are over: their streams end, and nobody need come back. And chats that are not: streams have a bound for each.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::{Method, StatusCode};
use serde_json::json;

use crate::support::{Chatter, Installation, Stream, send, soon};

/// How long a stream may stay after its last event: a second is promised (the figure is printed); a busy machine gets more, yet less
/// than what it took before.
const WITHIN: Duration = Duration::from_secs(4);

async fn status_of_return(chatter: &Chatter, stream: &Stream) -> StatusCode {
    let back = chatter.request(Method::GET, "/events").header("last-event-id", stream.last_id().unwrap());
    soon("an answer", back.send()).await.unwrap().status()
}

#[tokio::test]
async fn a_stream_ends_within_a_second_after_the_chat_whatever_ended_it() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    for (reason, end) in [
        ("chatter_left", "leave"),
        ("agent_ended", "end"),
        ("blocked", "block"),
        ("link_revoked", "revoke"),
        ("link_expired", "expire"),
        ("erased", "erase"),
    ] {
        let link = agent.link(json!({})).await;
        let chatter = installation.visitor().enter(&link).await;
        chatter.say("Hello").await;
        let mut stream = chatter.follow(None).await;
        stream.words(1).await;
        let session = json!({"session_id": chatter.session, "even_if_unread": true});
        match end {
            "leave" => drop(chatter.post("/end", &json!({})).await.expect(200)),
            "end" => drop(agent.ask("temp_chat_end_session", session).await),
            "block" => drop(agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "block": true})).await),
            "revoke" => drop(agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"]})).await),
            "expire" => drop(agent.update(&link, json!({"expires_in_minutes": 0.03})).await),
            _ => drop(chatter.erase().await.expect(200)),
        }
        assert_eq!(stream.find("session_ended").await["data"]["reason"], reason);
        let told = Instant::now();
        stream.rest().await;
        let stayed = told.elapsed();
        assert!(stayed <= WITHIN, "{end}: {stayed:?}");
        if end == "erase" {
            continue;
        }
        assert_eq!(status_of_return(&chatter, &stream).await, StatusCode::NO_CONTENT, "{end}");
        // Whoever has seen nothing yet is told all of it, and no more.
        let mut late = chatter.follow(None).await;
        late.find("session_ended").await;
        late.rest().await;
        assert_eq!(status_of_return(&chatter, &late).await, StatusCode::NO_CONTENT, "{end}");
        // What comes after that is told to who comes back for it.
        chatter.post("/end", &json!({"rating": 4})).await.expect(200);
        let mut again = chatter.follow(late.last_id()).await;
        assert_eq!(again.find("rated").await["data"]["rating"], 4);
        again.rest().await;
        assert_eq!(status_of_return(&chatter, &again).await, StatusCode::NO_CONTENT, "{end}");
    }
}

#[tokio::test]
async fn a_session_has_so_many_streams_and_the_next_is_told_when_to_come_back() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 2})).await;
    let (greedy, neighbour) = (installation.visitor().enter(&link).await, installation.visitor().enter(&link).await);
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = greedy.follow(None).await;
        stream.begins().await;
        held.push(stream);
    }
    for path in ["/events", "/messages?wait=20"] {
        let refused = send(greedy.request(Method::GET, path)).await;
        assert_eq!(refused.header("retry-after"), Some("1"), "{path}");
        refused.refused(429, "too_many_streams");
    }
    // What takes no wait is there for it, and all is there for everyone else.
    greedy.say("Still here").await;
    neighbour.follow(None).await.begins().await;
    held.pop();
    crate::support::until("a place", async || {
        let answer = soon("an answer", greedy.request(Method::GET, "/events").send()).await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn fifty_people_behind_one_address_with_two_tabs_each_are_all_heard() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 50})).await;
    let office = installation.visitor();
    let mut streams = Vec::new();
    for _ in 0..50 {
        let person = office.forgetful().enter(&link).await;
        for _ in 0..2 {
            let mut stream = person.follow(None).await;
            stream.begins().await;
            streams.push(stream);
        }
        person.say("Hello from the office").await;
    }
    let heard = join_all(streams.iter_mut().map(|stream| stream.words(1))).await;
    assert_eq!(heard.len(), 100);
}
