//! What a log line is good for: one request's way through the service.

use serde_json::json;

use crate::support::Installation;

#[tokio::test]
async fn one_request_id_leads_from_the_answer_to_the_commit() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let id = crate::support::uuid().replace('-', "");
    let post = chatter.request(http::Method::POST, "/messages").header("x-request-id", &id);
    let answer = crate::support::send(post.json(&json!({"client_message_id": crate::support::uuid(), "text": "Hello"}))).await;
    assert_eq!(answer.header("x-request-id"), Some(id.as_str()));
    answer.expect(201);
    assert!(installation.logged().lines().any(|line| line.contains(&id)), "the request's log lines carry its id");
}
