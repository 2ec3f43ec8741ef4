//! Several gateways on one log: whichever one a person reaches, the chat is the same.

use serde_json::json;

use crate::support::{Agent, Installation, Process, token_of, until};

#[tokio::test]
async fn what_is_posted_at_one_gateway_is_heard_at_the_other() {
    let installation = Installation::shared();
    let second = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    let other = second.url().unwrap();
    assert_ne!(other, installation.url());
    let agent = installation.agent().await;
    let elsewhere = Agent::connect(other, installation.key()).await;
    let link = agent.link(json!({})).await;

    // Joined here, followed there, answered from there, heard here.
    let chatter = installation.visitor().enter(&link).await;
    let away = chatter.at(other);
    let mut stream = away.follow(None).await;
    stream.begins().await;
    chatter.say("Posted at the first").await;
    assert_eq!(stream.words(1).await, ["Posted at the first"]);
    let heard = elsewhere.wait(&link, None).await;
    assert!(heard["events"].to_string().contains("Posted at the first"));
    let mut here = chatter.follow(stream.last_id()).await;
    elsewhere.say(&chatter.session, "Answered at the second").await;
    assert_eq!(here.words(1).await, ["Answered at the second"]);
    assert_eq!(stream.words(1).await, ["Answered at the second"]);

    // A cursor is good at both, and so is everyone's memory.
    assert_eq!(away.words().await, chatter.words().await);
    assert_eq!(away.visitor.inspect(token_of(&link)).await.expect(200)["your_session"]["id"], chatter.session.as_str());
    away.post("/end", &json!({})).await.expect(200);
    assert_eq!(here.find("session_ended").await["data"]["reason"], "chatter_left");
    let late = json!({"client_message_id": crate::support::uuid(), "text": "One more"});
    chatter.post("/messages", &late).await.refused(409, "session_ended");
    assert_eq!(second.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn an_agent_is_not_sent_away_from_a_chatter_at_another_gateway() {
    let installation = Installation::shared();
    let second = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    let elsewhere = Agent::connect(second.url().unwrap(), installation.key()).await;
    let link = installation.agent().await.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let is_online = async || {
        let now = json!({"link_id": link["link_id"], "timeout_seconds": 0});
        elsewhere.ask("temp_chat_wait_for_messages", now).await["open_sessions"][0]["chatter_online"] == true
    };
    assert!(!is_online().await);
    let mut stream = chatter.follow(None).await;
    stream.begins().await;
    until("the chatter is there", async || is_online().await.then_some(())).await;
    // Nor is a page away from an agent that waits at another gateway.
    let waits =
        json!({"link_id": link["link_id"], "timeout_seconds": 50, "after": elsewhere.wait(&link, None).await["next_cursor"]});
    let (heard, ()) = tokio::join!(elsewhere.ask("temp_chat_wait_for_messages", waits), async {
        until("the agent is there", async || (chatter.look().await["agent_state"] == "listening").then_some(())).await;
        chatter.say("At last").await;
    });
    assert!(heard["events"].to_string().contains("At last"), "{heard}");
    drop(stream);
    until("the chatter is gone", async || (!is_online().await).then_some(())).await;
    assert_eq!(second.interrupt().await.code(), Some(0));
}
