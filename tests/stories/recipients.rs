//! Recipients: one link, one address for each person, and a list of who has not yet.

use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Installation, uuid};

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
    assert!(refused(json!([" "])).await.starts_with("text_empty: recipients has nothing in it that can be seen."));
    assert!(
        refused(json!(["x".repeat(101)])).await.starts_with("invalid_request: recipients must have 1 to 100 characters each")
    );
    let many: Vec<_> = (0..51).map(|n| n.to_string()).collect();
    assert!(refused(json!(many)).await.starts_with("setting_out_of_range: recipients must have 1 to 50 items"));
}

fn labels(link: &Value) -> Vec<&str> {
    link["urls"].as_array().unwrap().iter().map(|entry| entry["label"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn recipients_are_added_to_those_there_are() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"recipients": ["Ann"]})).await;
    let ann = installation.visitor().enter(&own(&link, 0)).await;

    let more = agent.update(&link, json!({"add_recipients": ["Bo", " Cy "]})).await;
    assert_eq!((labels(&more), &more["urls"][0]), (vec!["Ann", "Bo", "Cy"], &link["urls"][0]));
    // Each still has a place.
    assert_eq!((&more["max_sessions_at_once"], &more["not_yet"]), (&json!(3), &json!(["Ann", "Bo", "Cy"])));
    let bo = installation.visitor().enter(&own(&more, 1)).await;
    bo.say("Here I am.").await;
    assert_ne!(bo.session, ann.session);

    // As after an answer that was lost: nobody is there twice, and nobody's address is another.
    let again = agent.update(&link, json!({"add_recipients": ["Bo", "Di"], "purpose": "Lunch"})).await;
    assert_eq!((labels(&again), &again["not_yet"]), (vec!["Ann", "Bo", "Cy", "Di"], &json!(["Ann", "Cy", "Di"])));
    assert_eq!(again["urls"].as_array().unwrap()[..3], more["urls"].as_array().unwrap()[..]);
    let warned = again["warnings"].to_string();
    assert!(warned.contains("the same url as before: \\\"Bo\\\". Nobody was added"), "{warned}");
    // The one who came by an address is still the only one.
    installation.visitor().join(crate::support::token_of(&own(&again, 1)), json!({})).await.refused(409, "link_used_up");
}

#[tokio::test]
async fn recipients_added_at_the_same_time_are_all_there() {
    let installation = Installation::shared();
    let (one, other) = (installation.agent().await, installation.agent().await);
    let link = one.link(json!({})).await;
    let add = async |agent: &Agent, name: &str| {
        let wanted: Vec<_> = (0..10).map(|number| format!("{name} {number}")).collect();
        for label in &wanted {
            agent.update(&link, json!({"add_recipients": [label]})).await;
        }
        wanted
    };
    let (mut wanted, others) = tokio::join!(add(&one, "Ann"), add(&other, "Bo"));
    wanted.extend(others);
    wanted.sort();
    let shown = one.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
    let mut there = labels(&shown);
    there.sort_unstable();
    assert_eq!((there, &shown["max_sessions_at_once"]), (wanted.iter().map(String::as_str).collect(), &json!(20)));
}

#[tokio::test]
async fn who_cannot_be_added_is_told_and_nobody_is() {
    let agent = Installation::shared().agent().await;
    let many = |count: usize| json!((0..count).map(|number| format!("Person {number}")).collect::<Vec<_>>());
    let link = agent.link(json!({"recipients": many(48), "max_sessions_total": 48})).await;
    let refused = async |labels: Value| {
        let arguments = json!({"link_id": link["link_id"], "add_recipients": labels, "title": "Another"});
        agent.is_refused("temp_chat_update_link", arguments).await
    };
    let told = refused(json!(["x", "y", "z"])).await;
    let id = link["link_id"].as_str().unwrap();
    let expected = format!(
        "setting_out_of_range: A link has at most 50 recipients; with add_recipients, {id} would have 51. \
         Call temp_chat_update_link with fewer of them, and temp_chat_create_link with the others as recipients."
    );
    assert_eq!(told, expected);
    assert!(refused(json!(["x", "x"])).await.starts_with("invalid_request: add_recipients must differ; \"x\" stands twice."));
    assert!(refused(json!([""])).await.starts_with("invalid_request: add_recipients must have 1 to 100 characters each"));
    // An empty list adds nobody, and is how some models leave it out.
    assert_eq!(agent.update(&link, json!({"add_recipients": []})).await["recipients"], 48);
    let shown = agent.update(&link, json!({"add_recipients": ["x", "y"]})).await;
    assert_eq!((labels(&shown).len(), &shown["title"]), (50, &link["title"]));
    assert!(shown["warnings"].to_string().contains("max_sessions_total is 48, but there are 50 recipients"), "{shown}");
    agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"]})).await;
    assert!(refused(json!(["z"])).await.starts_with("link_revoked"));
}

#[tokio::test]
async fn an_agent_hears_which_recipient_came() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"recipients": ["Ann (sales)", "Bo"]})).await;
    let visitor = installation.visitor();
    let token = crate::support::token_of(&own(&link, 0)).to_owned();
    let ann = Chatter::of(visitor.clone(), &visitor.join(&token, json!({"display_name": "Bo, recipient \"Bo\""})).await);
    let heard = agent.wait(&link, None).await;
    let started = &heard["events"][0];
    let data = json!({"display_name": "Bo, recipient \"Bo\"", "recipient": "Ann (sales)", "untrusted": true});
    assert_eq!((&started["type"], &started["data"]), (&json!("session_started"), &data));
    // Whatever people call themselves, the header is ours.
    let arguments = json!({"session_id": ann.session, "format": "markdown"});
    let read = agent.ask("temp_chat_read_messages", arguments).await;
    let markdown = read["markdown"].as_str().unwrap();
    assert!(markdown.contains("Chatter, recipient \"Ann (sales)\":**\n\n> (joined as Bo, recipient \"Bo\")\n"), "{markdown}");
    // Somebody who came by the link's own address is nobody's recipient.
    installation.visitor().enter(&link).await;
    let heard = agent.wait(&link, Some(&heard["next_cursor"])).await;
    assert_eq!((&heard["events"][0]["type"], &heard["events"][0]["data"]), (&json!("session_started"), &json!({})));
    for page in ["/messages?limit=100", "/transcript?format=md", "/transcript?format=json"] {
        let seen = ann.get(page).await;
        assert!(seen.status == 200 && !seen.text().contains("sales"), "{page}: {}", seen.text());
    }
}
