//! A link in every state, as whoever holds its address finds it.

use serde_json::json;

use crate::support::{Installation, token_of, until};

#[tokio::test]
async fn a_link_with_room_for_one_is_full_while_one_is_there() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 1})).await;
    let first = installation.visitor().enter(&link).await;
    let second = installation.visitor();
    second.join(token_of(&link), json!({})).await.refused(409, "link_full");
    assert_eq!(second.inspect(token_of(&link)).await.expect(200)["link"]["state"], "full");

    first.post("/end", &json!({})).await.expect(200);
    second.enter_when_there_is_room(&link).await;
}

#[tokio::test]
async fn an_idle_session_gives_its_place_away_and_says_so_when_it_wants_it_back() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 1, "idle_timeout_minutes": 1.0 / 60.0})).await;
    let first = installation.visitor().enter(&link).await;
    let mut stream = first.follow(None).await;
    stream.find("session_idle").await;
    // The place was reserved for half a minute, for a start that might have been slow.
    let second = installation.visitor().enter_when_there_is_room(&link).await;
    // A word of the second keeps its place: the agent owes a reply.
    second.say("Good morning").await;
    let word = json!({"client_message_id": crate::support::uuid(), "text": "Me too"});
    first.post("/messages", &word).await.refused(409, "link_full");

    second.post("/end", &json!({})).await.expect(200);
    until("room for the first again", async || {
        let answer = first.post("/messages", &word).await;
        (answer.status == 201).then_some(()).or_else(|| {
            answer.refused(409, "link_full");
            None
        })
    })
    .await;
    stream.find("session_resumed").await;
}

#[tokio::test]
async fn a_link_for_one_session_in_all_is_used_up_by_it() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_total": 1})).await;
    let only = installation.visitor().enter(&link).await;
    only.post("/end", &json!({})).await.expect(200);
    let late = installation.visitor();
    late.join(token_of(&link), json!({})).await.refused(409, "link_used_up");
    assert_eq!(late.inspect(token_of(&link)).await.expect(200)["link"]["state"], "used_up");
}

#[tokio::test]
async fn a_paused_link_takes_nobody_new_and_keeps_who_is_there() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5})).await;
    let inside = installation.visitor().enter(&link).await;
    assert_eq!(agent.update(&link, json!({"status": "paused"})).await["status"], "paused");
    let outside = installation.visitor();
    outside.join(token_of(&link), json!({})).await.refused(409, "link_paused");
    assert_eq!(outside.inspect(token_of(&link)).await.expect(200)["link"]["state"], "paused");
    inside.say("I am still here").await;
    agent.update(&link, json!({"status": "active"})).await;
    outside.enter(&link).await;
}

#[tokio::test]
async fn a_revoked_link_ends_its_sessions_with_a_farewell() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let mut stream = chatter.follow(None).await;
    let revoked = agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"], "farewell": "We are closing."})).await;
    assert_eq!(revoked["status"], "revoked");
    assert_eq!(stream.words(1).await, ["We are closing."]);
    assert_eq!(stream.find("session_ended").await["data"]["reason"], "link_revoked");
    installation.visitor().join(token_of(&link), json!({})).await.refused(410, "link_revoked");
    assert_eq!(installation.visitor().inspect(token_of(&link)).await.expect(200)["link"]["state"], "revoked");
}

#[tokio::test]
async fn revoking_softly_only_closes_the_door() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"], "end_sessions": false})).await;
    installation.visitor().join(token_of(&link), json!({})).await.refused(410, "link_revoked");
    chatter.say("May I finish?").await;
    agent.say(&chatter.session, "Of course.").await;
}

#[tokio::test]
async fn a_link_expires_by_the_clock_even_while_nobody_looks() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"expires_in_minutes": 1.0 / 60.0})).await;
    let heard = agent.wait(&link, None).await;
    assert_eq!(heard["events"][0]["type"], "link_closed");
    assert_eq!(heard["suggested_next"], "stop_and_report");
    let late = installation.visitor();
    late.join(token_of(&link), json!({})).await.refused(410, "link_expired");
    assert_eq!(late.inspect(token_of(&link)).await.expect(200)["link"]["state"], "expired");
    assert_eq!(agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await["status"], "expired");
}

#[tokio::test]
async fn a_made_up_token_gets_the_same_bytes_whatever_it_looks_like() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let token = token_of(&link);
    let last = if token.ends_with('a') { "b" } else { "a" };
    let forged = format!("{}{last}", &token[..token.len() - 1]);
    let visitor = installation.visitor();
    let mut answers = Vec::new();
    for made_up in ["x", "", &"a".repeat(79), &forged, "../../etc/passwd"] {
        let inspected = visitor.inspect(made_up).await;
        let joined = visitor.join(made_up, json!({})).await;
        answers.extend([inspected.body.clone(), joined.body.clone()]);
        inspected.refused(404, "link_unknown");
        joined.refused(404, "link_unknown");
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}
