//! Who is shut out stays out, and only they.

use std::net::Ipv4Addr;

use serde_json::json;

use crate::support::{Agent, Installation, Visitor, price, prove, token_of};

#[tokio::test]
async fn a_blocked_device_does_not_come_in_again_and_others_do() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.say("You will hear from me again").await;
    let ended = agent
        .ask("temp_chat_end_session", json!({"session_id": chatter.session, "block": true, "farewell": "Not like this."}))
        .await;
    assert_eq!(ended["ends_reason"], "blocked");
    assert_eq!(chatter.look().await["ends_reason"], "blocked");

    // The same device, with every wish there is; what it is told is the code and nothing about who or why.
    for wishes in [json!({}), json!({"start_new": true}), json!({"display_name": "Somebody else"})] {
        let refusal = chatter.visitor.join(token_of(&link), wishes).await.refused(403, "blocked");
        assert_eq!(refusal["detail"], "This device may not come in here. Nothing can be done here.");
    }
    // It is shut out of this link alone, and an office is not an attacker: others from the same network come in, for some work.
    chatter.visitor.enter(&agent.link(json!({})).await).await.say("Elsewhere").await;
    let neighbour = chatter.visitor.forgetful();
    let asked = neighbour.join(token_of(&link), json!({})).await;
    assert!(asked.text().contains("Somebody from your network was shut out here"), "{}", asked.text());
    let proof = prove(asked).await;
    neighbour.join(token_of(&link), json!({"proof": proof})).await.expect(201);
    // A proof is good once, and who is in comes back without.
    price(neighbour.forgetful().join(token_of(&link), json!({"proof": proof})).await);
    neighbour.join(token_of(&link), json!({})).await.expect(200);
    Visitor::from(installation.url(), Ipv4Addr::new(127, 99, 77, 1)).enter(&link).await.say("I am far away").await;
}

#[tokio::test]
async fn a_device_that_came_by_a_code_is_shut_out_too() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5})).await;
    let chatter = installation.visitor().enter(&link).await;
    let handoff = chatter.post("/handoff", &json!({})).await.expect(200);
    let phone = installation.visitor();
    phone.post("/api/v1/sessions", &json!({"client_id": phone.client_id(), "handoff_code": handoff["code"]})).await.expect(200);
    agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "block": true})).await;
    for visitor in [&chatter.visitor, &phone] {
        visitor.join(token_of(&link), json!({})).await.refused(403, "blocked");
    }
}

#[tokio::test]
async fn nobody_is_let_in_again_by_a_friends_code() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5})).await;
    let chatter = installation.visitor().enter(&link).await;
    let friend = installation.visitor().enter(&link).await;
    agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "block": true})).await;
    let code = friend.post("/handoff", &json!({})).await.expect(200)["code"].clone();
    let bring = async |visitor: &Visitor| {
        visitor.post("/api/v1/sessions", &json!({"client_id": visitor.client_id(), "handoff_code": code})).await
    };
    // It is told nothing of the code, which is good for others all the same.
    bring(&chatter.visitor).await.refused(404, "handoff_unknown");
    bring(&installation.visitor()).await.expect(200);
}

#[tokio::test]
async fn a_key_of_one_link_shuts_out_and_a_block_outlives_a_restart() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5})).await;
    let mine = link["link_id"].as_str().unwrap();
    let issued = installation.json(&["agent", "key", "issue", &agent.id(), "--name", "guard", "--link", mine]);
    let guard = Agent::connect(installation.url(), issued[0]["key"].as_str().unwrap()).await;
    let chatter = installation.visitor().enter(&link).await;
    guard.ask("temp_chat_end_session", json!({"session_id": chatter.session, "block": true})).await;
    let (folder, _) = installation.interrupt().await;
    let installation = Installation::on(folder);
    let back = chatter.visitor.at(installation.url());
    back.join(token_of(&link), json!({})).await.refused(403, "blocked");
}
