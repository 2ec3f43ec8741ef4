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

    // The listing has no words unless it is asked for them, and then the audit is told.
    let listed = |arguments: &[&str]| installation.json(&[&["reports"], arguments].concat())[0]["chats"][0].clone();
    let wordless = listed(&[]);
    assert_eq!((&wordless["session_id"], &wordless["agent_id"]), (&json!(chatter.session), &json!(agent.id())), "{wordless}");
    assert_eq!((&wordless["link_id"], &wordless["reports"], &wordless["unseen"]), (&link["link_id"], &json!(5), &json!(5)));
    assert!(!wordless.to_string().contains("bank password") && wordless["texts"].is_null(), "{wordless}");
    let looks = || {
        installation
            .json(&["log", "show", "--audit"])
            .iter()
            .filter(|entry| entry.to_string().contains("reports --with-text"))
            .count()
    };
    assert_eq!(looks(), 0);
    assert_eq!(listed(&["--with-text"])["texts"][0], REASON);
    assert_eq!(looks(), 1);
    // Seen, they warn no more; the next report warns again.
    let warned = async || {
        let ready: Value = installation.visitor().get("/readyz").await.expect(200);
        ready["warnings"].as_array().is_some_and(|all| all.iter().any(|warning| warning["code"] == "reports"))
    };
    assert_eq!(listed(&["--seen"])["unseen"], 0);
    assert!(!warned().await);
    assert_eq!(listed(&[])["unseen"], 0);
    let other = installation.visitor().enter(&agent.link(json!({})).await).await;
    other.post("/report", &json!({"reason": "This one too"})).await;
    until("a warning of the next report", async || warned().await.then_some(())).await;
    assert_eq!(listed(&["--agent", &agent.id()])["session_id"], json!(other.session));

    // Sealed like every word: gone with the chat.
    chatter.erase().await.expect(200);
    let of_chat = reports().into_iter().filter(|event| event["target"] == json!(chatter.session)).collect::<Vec<_>>();
    assert!(of_chat.len() == 5 && of_chat.iter().all(|event| event["text"] == "(erased)"), "{of_chat:?}");
    let listed = installation.json(&["reports", "--with-text"]);
    assert!(!listed[0].to_string().contains("bank password"), "{listed:?}");
}
