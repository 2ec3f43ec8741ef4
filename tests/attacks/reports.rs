//! A person tells the operator, and nobody else, that a chat is abuse.

use serde_json::{Value, json};

use crate::support::{Installation, until};

const REASON: &str = "It asked for my bank password";

#[tokio::test]
async fn a_report_reaches_the_operator_and_never_the_agent() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.say("Hello").await;
    let heard = agent.hears(&link, "Hello").await;

    chatter.post("/report", &json!({"reason": "  "})).await.refused(422, "text_empty");
    chatter.post("/report", &json!({"reason": "x".repeat(1_001)})).await.refused(422, "text_too_long");
    for _ in 0..2 {
        // The same report again is the same report.
        assert_eq!(chatter.post("/report", &json!({"reason": REASON})).await.status, 204);
    }
    for n in 1..5 {
        assert_eq!(chatter.post("/report", &json!({"reason": format!("{REASON}, {n}")})).await.status, 204);
    }
    chatter.post("/report", &json!({"reason": "once more"})).await.refused(409, "report_limit_reached");

    // Nothing of it on the agent's side: the next that it hears is the next word.
    chatter.say("Goodbye").await;
    let next = agent.wait(&link, Some(&heard["next_cursor"])).await;
    let kinds: Vec<_> = next["events"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(kinds, ["message"]);
    let all = agent.ask("temp_chat_read_messages", json!({"session_id": chatter.session})).await.to_string();
    assert!(all.contains("Goodbye") && !all.contains("bank password") && !all.contains("report"), "{all}");
    // Nor on the person's other pages, where the agent might look over a shoulder.
    let page = chatter.get("/messages?limit=100").await.expect(200).to_string();
    assert!(!page.contains("bank password"), "{page}");

    let reports = || {
        let shown = installation.json(&["log", "show", "--with-text"]);
        shown.into_iter().filter(|event| event["type"] == "session.reported").collect::<Vec<_>>()
    };
    let shown = reports();
    assert_eq!(shown.len(), 5);
    assert_eq!((&shown[0]["text"], &shown[0]["target"]), (&json!(REASON), &json!(chatter.session)));
    let warning = until("a warning of the reports", async || {
        let ready: Value = installation.visitor().get("/readyz").await.expect(200);
        ready["warnings"].as_array()?.iter().find(|warning| warning["code"] == "reports").cloned()
    });
    assert_eq!(warning.await["count"], 5);

    // Sealed like every word: gone with the chat.
    chatter.erase().await.expect(200);
    assert!(reports().iter().all(|event| event["text"] == "(erased)"));
}
