//! Canaries: secrets and words that are found nowhere but where they belong. Every log line (at trace), every metric, every refusal, and
//! every file of the installation are searched for them: streams, rows, the write-ahead log, passwords' neighbours.

use std::net::TcpListener;

use serde_json::json;

use crate::support::{Answer, Chatter, Hook, Installation, files_with, token_of, uuid};

/// A free port for the metrics; settings are kept for the life of the process.
fn settings() -> &'static [(&'static str, &'static str)] {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let address: &'static str = free.to_string().leak();
    vec![("RUST_LOG", "trace"), ("TEMPCHAT_WEBHOOK_NETWORKS", "[\"127.0.0.0/8\"]"), ("TEMPCHAT_METRICS_LISTEN", address)].leak()
}

#[tokio::test]
async fn no_secret_and_no_word_is_anywhere_but_where_it_belongs() {
    let settings = settings();
    let installation = Installation::set_up(settings);
    let agent = installation.another_agent("Of few words").await;
    let mut hook = Hook::start().await;
    installation.json(&["agent", "webhook", "set", &agent.id(), hook.url()]);
    let fields = json!([{"key": "secret", "label": "Zanzibar label", "type": "text"}]);
    let link = agent
        .link(json!({
            "title": "Zanzibar title", "purpose": "Zanzibar purpose", "welcome_message": "Zanzibar welcome", "passcode": "zanzibar pass",
            "questions": fields, "max_sessions_at_once": 3, "idempotency_key": "zanzibar key",
        }))
        .await;
    let recipients = agent.link(json!({"title": "Zanzibar list", "recipients": ["Zanzibar Ann"]})).await;
    let mut refused = Vec::new();
    let visitor = installation.visitor();
    visitor.get(&format!("/temp-chat/{}", token_of(&link))).await;
    let inspected = visitor.inspect(token_of(&link)).await;
    refused.push(visitor.join(token_of(&link), json!({"passcode": "zanzibar guess"})).await);
    let wishes = json!({"passcode": "zanzibar pass", "display_name": "Zanzibar name"});
    let chatter = Chatter::of(visitor.clone(), &visitor.join(token_of(&link), wishes).await);
    chatter.say("Zanzibar question").await;
    let question = chatter.joined["events"].as_array().unwrap().iter().find(|event| event["type"] == "question").unwrap().clone();
    let values = json!({"secret": "Zanzibar answer"});
    let answer = json!({"client_message_id": uuid(), "question_id": question["data"]["question_id"], "values": values});
    chatter.post("/answers", &answer).await.expect(201);
    let mut stream = chatter.follow(None).await;
    agent.wait(&link, None).await;
    agent.say(&chatter.session, "Zanzibar reply").await;
    assert_eq!(stream.words(3).await.last().unwrap(), "Zanzibar reply");
    chatter.get("/transcript?format=md").await;
    let cursor = stream.last_id().unwrap().to_owned();
    chatter.get(&format!("/messages?after={cursor}")).await.expect(200);
    agent.is_refused("temp_chat_send_message", json!({"session_id": chatter.session, "text": "Zanzibar ".repeat(1_000)})).await;
    let offered = chatter.post("/handoff", &json!({})).await.expect(200);
    let code = offered["code"].as_str().unwrap();
    let wrong = format!("{}{}", &code[..7], if code.ends_with('0') { '1' } else { '0' });
    refused.push(visitor.post("/api/v1/sessions", &json!({"client_id": uuid(), "handoff_code": wrong})).await);
    let laptop = installation.visitor();
    let taken = json!({"client_id": laptop.client_id(), "handoff_code": code, "credential": "bearer"});
    let laptop = Chatter::of(laptop.clone(), &laptop.post("/api/v1/sessions", &taken).await);
    // What is refused tells nothing of what was shown.
    for (path, body) in [
        ("/api/v1/links/inspect", json!({"token": format!("{}x", token_of(&link)), "client_id": visitor.client_id()})),
        ("/api/v1/sessions", json!({"token": token_of(&link), "client_id": "Zanzibar"})),
        ("/api/v1/sessions", json!({"token": token_of(&link), "client_id": uuid(), "passcode": {"Zanzibar": 1}})),
        (
            "/api/v1/sessions",
            json!({"token": token_of(&recipients["urls"][0]), "client_id": visitor.client_id(), "display_name": 7}),
        ),
    ] {
        refused.push(visitor.post(path, &body).await);
    }
    refused.push(chatter.post("/messages", &json!({"client_message_id": uuid(), "text": ["Zanzibar"]})).await);
    refused.push(chatter.post("/messages", &json!({"client_message_id": "Zanzibar id", "text": "Zanzibar"})).await);
    chatter.post("/end", &json!({"rating": 1, "feedback": "Zanzibar feedback"})).await.expect(200);
    let called = hook.find("session_ended").await;

    let log = installation.logged();
    assert!(log.contains(inspected.header("x-request-id").unwrap()), "the log is one of this story");
    let metrics = format!("http://{}/metrics", settings[2].1);
    let metrics = reqwest::get(metrics).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("tempchat_http_connections"), "{metrics}");
    let secrets = [
        "zanzibar",
        "Zanzibar",
        token_of(&link),
        token_of(&recipients["urls"][0]),
        chatter.secret(),
        visitor.client_id(),
        agent.key(),
        agent.key().rsplit('_').next().unwrap(),
        cursor.as_str(),
        code,
        laptop.secret(),
    ];
    for secret in secrets {
        assert_eq!(log.lines().find(|line| line.contains(secret)), None, "{secret:?} is logged");
        assert!(!metrics.contains(secret), "{secret:?} is counted");
        let told = refused.iter().map(Answer::text).find(|text| text.contains(secret));
        assert_eq!(told, None, "{secret:?} is in a refusal");
        assert_eq!(files_with(installation.folder().path(), secret.as_bytes()), [""; 0], "{secret:?} is in a file");
    }
    for call in hook.rest().into_iter().chain([called.json()]) {
        assert!(!call.to_string().contains("anzibar"), "{call}");
    }
    for file in ["nats.password", "postgres.password", "secrets.json"] {
        let Ok(content) = std::fs::read_to_string(installation.data().join(file)) else { continue };
        assert!(!log.contains(content.trim()), "{file} is logged");
    }
    chatter.erase().await.expect(200);
    assert!(!installation.logged().contains("anzibar"));
}
