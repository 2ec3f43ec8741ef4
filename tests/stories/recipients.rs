//! Recipients: one link, one address for each person, and a list of who has not yet.

use serde_json::{Value, json};

use crate::support::{Chatter, Installation, uuid};

/// Takes a recipient's own address for a link.
fn own(link: &Value, recipient: usize) -> Value {
    json!({"url": link["urls"][recipient]["url"]})
}

#[tokio::test]
async fn each_recipient_has_an_address_and_one_chat() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let questions = json!([{"key": "coming", "label": "Will you come?", "type": "yes_no"}]);
    let recipients = json!(["Ann (sales)", "Bo", "Cy"]);
    let link = agent.link(json!({"questions": questions, "recipients": recipients, "agent_name": "Host"})).await;
    let labels: Vec<_> = link["urls"].as_array().unwrap().iter().map(|entry| entry["label"].clone()).collect();
    assert_eq!((json!(labels), &link["not_yet"], &link["max_sessions_at_once"]), (recipients.clone(), &recipients, &json!(3)));

    let ann = installation.visitor().enter(&own(&link, 0)).await;
    let bo = installation.visitor().enter(&own(&link, 1)).await;
    let listed = agent.ask("temp_chat_list_sessions", json!({"link_id": link["link_id"]})).await;
    let who: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|session| (&session["session_id"], &session["recipient"])).collect();
    assert_eq!(who, [(&json!(ann.session), &json!("Ann (sales)")), (&json!(bo.session), &json!("Bo"))]);

    let question = &link["answers"]["question_id"];
    let answer = json!({"client_message_id": uuid(), "question_id": question, "values": {"coming": true}});
    bo.post("/answers", &answer).await.expect(201);
    let heard = agent.wait(&link, None).await;
    assert!(heard["open_sessions"].as_array().unwrap().iter().any(|session| session["recipient"] == "Bo"), "{heard}");
    let shown = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
    // Ann has come, but not answered.
    assert_eq!((&shown["not_yet"], &shown["urls"]), (&json!(["Ann (sales)", "Cy"]), &link["urls"]));

    // Nobody but the agent hears of labels.
    for chatter in [&ann, &bo] {
        let seen = format!("{}{}", chatter.joined, chatter.get("/messages?limit=100").await.expect(200));
        assert!(!seen.contains("sales") && !seen.contains("recipient"), "{seen}");
    }
}

#[tokio::test]
async fn an_address_is_for_one_person_only() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"recipients": ["Ann", "Bo"], "max_sessions_at_once": 5})).await;
    let own = own(&link, 0);
    let ann = installation.visitor().enter(&own).await;
    let token = crate::support::token_of(&own).to_owned();
    // The same browser gets its chat again.
    assert_eq!(Chatter::of(ann.visitor.clone(), &ann.visitor.join(&token, json!({})).await).session, ann.session);
    let another = installation.visitor();
    let refusal = another.join(&token, json!({})).await.refused(409, "link_used_up");
    assert!(refusal["detail"].as_str().unwrap().contains("for one person"), "{refusal}");
    assert_eq!(another.inspect(&token).await.expect(200)["link"]["state"], "used_up");

    ann.post("/end", &json!({})).await.expect(200);
    another.join(&token, json!({})).await.refused(409, "link_used_up");
    ann.visitor.join(&token, json!({"start_new": true})).await.refused(409, "link_used_up");
    // One browser may be several people, each with a chat of one's own.
    let bo = ann.visitor.enter(&json!({"url": link["urls"][1]["url"]})).await;
    assert_ne!(bo.session, ann.session);
    // Who has said nothing has not yet done anything, where nothing was asked.
    bo.say("Here I am.").await;
    assert_eq!(agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await["not_yet"], json!(["Ann"]));
    // The link's own address is for anyone.
    let someone = installation.visitor().enter(&link).await;
    assert_ne!(someone.session, bo.session);
}

#[tokio::test]
async fn labels_are_checked() {
    let agent = Installation::shared().agent().await;
    let refused = async |recipients: Value| {
        agent.is_refused("temp_chat_create_link", json!({"title": "x", "recipients": recipients})).await
    };
    assert!(refused(json!(["Ann", "Ann"])).await.starts_with("invalid_request: recipients must differ; \"Ann\" stands twice."));
    assert!(refused(json!([" "])).await.starts_with("invalid_request: recipients must have 1 to 100 characters each"));
    let many: Vec<_> = (0..51).map(|n| n.to_string()).collect();
    assert!(refused(json!(many)).await.starts_with("setting_out_of_range: recipients must have 1 to 50 items"));
}
