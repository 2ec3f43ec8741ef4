//! What no log line holds, not even at debug: keys, tokens, cookies, passcodes, words.

use serde_json::json;

use crate::support::{Chatter, Installation, files_with, token_of, uuid};

#[tokio::test]
async fn no_secret_and_no_word_is_in_any_log_line() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Of few words").await;
    let link = agent
        .link(json!({"title": "Zanzibar title", "purpose": "Zanzibar purpose", "welcome_message": "Zanzibar welcome", "passcode": "zanzibar pass"}))
        .await;
    let visitor = installation.visitor();
    visitor.get(&format!("/temp-chat/{}", token_of(&link))).await;
    let inspected = visitor.inspect(token_of(&link)).await;
    visitor.join(token_of(&link), json!({"passcode": "zanzibar guess"})).await.refused(401, "passcode_wrong");
    let wishes = json!({"passcode": "zanzibar pass", "display_name": "Zanzibar name"});
    let chatter = Chatter::of(visitor.clone(), &visitor.join(token_of(&link), wishes).await);
    chatter.say("Zanzibar question").await;
    let mut stream = chatter.follow(None).await;
    agent.wait(&link, None).await;
    agent.say(&chatter.session, "Zanzibar answer").await;
    assert_eq!(stream.words(3).await.last().unwrap(), "Zanzibar answer");
    chatter.get("/transcript?format=md").await;
    let cursor = stream.last_id().unwrap().to_owned();
    chatter.get(&format!("/messages?after={cursor}")).await.expect(200);
    agent.is_refused("temp_chat_send_message", json!({"session_id": chatter.session, "text": "Zanzibar ".repeat(1_000)})).await;
    let offered = chatter.post("/handoff", &json!({})).await.expect(200);
    let code = offered["code"].as_str().unwrap();
    let guess =
        json!({"client_id": uuid(), "handoff_code": format!("{}{}", &code[..7], if code.ends_with('0') { '1' } else { '0' })});
    visitor.post("/api/v1/sessions", &guess).await;
    assert_eq!(files_with(installation.folder().path(), code.as_bytes()), [""; 0], "a code is written nowhere");
    let laptop = installation.visitor();
    let taken = json!({"client_id": laptop.client_id(), "handoff_code": code, "credential": "bearer"});
    let laptop = Chatter::of(laptop.clone(), &laptop.post("/api/v1/sessions", &taken).await);
    chatter.post("/end", &json!({"rating": 1, "feedback": "Zanzibar feedback"})).await.expect(200);
    chatter.erase().await.expect(200);

    let log = installation.logged();
    assert!(log.contains(inspected.header("x-request-id").unwrap()), "the log is one of this story");
    let secret_of_key = agent.key().rsplit('_').next().unwrap();
    let secrets = [
        "zanzibar",
        "Zanzibar",
        token_of(&link),
        chatter.secret(),
        visitor.client_id(),
        agent.key(),
        secret_of_key,
        cursor.as_str(),
        code,
        laptop.secret(),
    ];
    for secret in secrets {
        let said = log.lines().find(|line| line.contains(secret));
        assert_eq!(said, None, "{secret:?} is logged");
    }
    for file in ["nats.password", "postgres.password", "secrets.json"] {
        let Ok(content) = std::fs::read_to_string(installation.data().join(file)) else { continue };
        assert!(!log.contains(content.trim()), "{file} is logged");
    }
}

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
