//! A receipt is verified by a script of others, also when the chat is long gone.

use std::fs;

use http::Method;
use serde_json::{Value, json};

use super::Scene;
use crate::support::{Agent, Installation, Visitor, send, verify_receipt};

/// Gets a receipt with the agent's key.
async fn receipt(agent: &Agent, visitor: &Visitor, decision: &Value) -> Value {
    let path = format!("/api/v1/agent/receipts/{}", decision["receipt_id"].as_str().unwrap());
    send(visitor.request(Method::GET, &path).bearer_auth(agent.key())).await.expect(200)["receipt"].clone()
}

/// Lets the script in the documentation verify a receipt, with the payload and the words where there are any; tells whether it passes.
async fn passes(receipt: &Value, keys: &Value, texts: &[&str]) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let (receipt, keys) = (file("receipt.json", receipt.to_string().as_bytes()), file("keys.json", keys.to_string().as_bytes()));
    let texts: Vec<_> = texts.iter().enumerate().map(|(n, text)| file(&n.to_string(), text.as_bytes())).collect();
    let output = verify_receipt().arg(receipt).arg(keys).args(texts).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.success(), told.contains("This receipt is genuine."), "{told}");
    output.status.success()
}

#[tokio::test]
async fn a_receipt_is_good_without_us_and_after_the_erasure() {
    let scene = Scene::open().await;
    let visitor = Installation::shared().visitor();
    let payload = "Pay 9,400 to the Van Company\n  (account 12)";
    let asked = scene.request(json!({"payload": payload, "allow": ["approve", "edit"]})).await;
    scene.decide(&asked, json!({"verdict": "edit", "edited": "Pay 9,000"})).await;
    let decision = scene.hear(&asked).await["events"][0]["data"].clone();
    let held = receipt(&scene.agent, &visitor, &decision).await;
    for (name, value) in
        [("type", json!("receipt")), ("verdict", json!("edited")), ("question_id", decision["question_id"].clone())]
    {
        assert_eq!(held[name], value, "{held}");
    }
    assert!(
        held["sequence"].as_u64().unwrap() > 0 && held["running_hash"].as_str().unwrap().trim_matches('0').len() > 32,
        "{held}"
    );
    assert!(!held.to_string().contains("Van Company"), "{held}");
    let keys = visitor.get("/.well-known/tempchat-keys").await.expect(200);
    assert!(passes(&held, &keys, &[payload, "Pay 9,000"]).await);
    assert!(!passes(&held, &keys, &["Pay 9,400 to the Van Company"]).await, "another payload");
    assert!(!passes(&held, &keys, &[payload, "Pay 9,001"]).await, "other words");
    for (name, value) in [("verdict", json!("approved")), ("sequence", json!(1)), ("more", json!("x"))] {
        let mut forged = held.clone();
        forged[name] = value;
        assert!(!passes(&forged, &keys, &[]).await, "{name} was changed");
    }
    // Nobody else gets it, and nobody a made-up one.
    let other = Installation::shared().another_agent("Another house").await;
    let path = format!("/api/v1/agent/receipts/{}", decision["receipt_id"].as_str().unwrap());
    send(visitor.request(Method::GET, &path).bearer_auth(other.key())).await.refused(404, "receipt_unknown");
    visitor.get(&path).await.refused(401, "key_invalid");

    scene.agent.ask("temp_chat_erase_session", json!({"session_id": scene.chatter.session})).await;
    // Who holds it shows with it what was decided; here nothing connects it to words any more.
    assert!(passes(&held, &keys, &[payload, "Pay 9,000"]).await);
    let bare = receipt(&scene.agent, &visitor, &decision).await;
    assert_eq!((bare.get("payload_salt"), bare.get("words_salt")), (None, None), "{bare}");
    assert_eq!((&bare["payload_hash"], &bare["running_hash"]), (&held["payload_hash"], &held["running_hash"]));
    assert!(passes(&bare, &keys, &[]).await);
    assert!(!passes(&bare, &keys, &[payload]).await, "there is no salt");
}
