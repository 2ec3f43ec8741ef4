//! No result is cut in silence: it stays short enough for every host, and says what it leaves out.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Installation, text_of, uuid};

/// What hosts show of a result, in characters.
const MOST: usize = 20_000;

#[tokio::test]
async fn a_link_with_everything_it_may_have_is_shown_with_every_url() {
    let agent = Installation::shared().agent().await;
    let recipients: Vec<_> = (0..50).map(|number| format!("{number:x>100}")).collect();
    let options: Vec<_> = (0..20).map(|number| format!("{number:y>50}")).collect();
    let choice = |key: usize| json!({"key": format!("choice_{key}"), "label": "Which?", "type": "choice", "options": options});
    let words = "w".repeat(2_000);
    let result = agent
        .call(
            "temp_chat_create_link",
            json!({
                "title": "t".repeat(200), "purpose": words, "description": words, "welcome_message": words,
                "questions": (0..3).map(choice).collect::<Vec<_>>(), "recipients": recipients,
            }),
        )
        .await;
    let text = text_of(&result);
    assert!(text.chars().count() < MOST, "{} characters", text.chars().count());
    let link: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((link["urls"].as_array().map(Vec::len), link["not_yet"].as_array().map(Vec::len)), (Some(50), Some(50)));
    assert_eq!(link["link_id"], result.structured_content.unwrap()["link_id"]);
    let warnings = link["warnings"].to_string();
    for name in ["questions", "description"] {
        assert!(link.get(name).is_none() && warnings.contains(&format!("{name} is left out here")), "{warnings}");
    }
}

#[tokio::test]
async fn an_ordinary_link_is_shown_whole() {
    let agent = Installation::shared().agent().await;
    let recipients: Vec<_> = (0..50).map(|number| format!("Person {number}")).collect();
    let questions = json!([{"key": "ok", "label": "Will you come?", "type": "yes_no"}]);
    let link = agent.link(json!({"purpose": "Lunch", "recipients": recipients, "questions": questions})).await;
    assert_eq!((&link["purpose"], &link["questions"][0]["key"]), (&json!("Lunch"), &json!("ok")));
    assert!(!link["warnings"].to_string().contains("left out"), "{}", link["warnings"]);
}

#[tokio::test]
async fn long_answers_come_whole_and_of_very_many_the_newest() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 100})).await;
    let chatter = installation.visitor().enter(&link).await;
    let long = json!([
        {"key": "one", "label": "One?", "type": "text", "max_length": 4_000},
        {"key": "two", "label": "Two?", "type": "text", "max_length": 4_000},
    ]);
    let mut asked = Value::Null;
    for _ in 0..3 {
        let ask = json!({"session_id": chatter.session, "fields": long, "even_if_unread": true});
        asked = agent.ask("temp_chat_ask", ask).await;
        let values = json!({"one": "ä".repeat(4_000), "two": "b".repeat(4_000)});
        let question = &asked["sent"]["question_id"];
        let answer = json!({"client_message_id": uuid(), "question_id": question, "values": values});
        chatter.post("/answers", &answer).await.expect(201);
    }
    let after = json!({"session_id": chatter.session, "after": asked["next_cursor"], "timeout_seconds": 40});
    let heard = agent.call("temp_chat_wait_for_messages", after).await;
    let text = text_of(&heard);
    assert!(text.chars().count() < MOST && text.contains(&"ä".repeat(4_000)) && text.contains(&"b".repeat(4_000)));

    let arguments = json!({"link_id": link["link_id"], "include": ["answers"]});
    let text = text_of(&agent.call("temp_chat_list_sessions", arguments).await);
    assert!(text.chars().count() < MOST, "{} characters", text.chars().count());
    let listed: Value = serde_json::from_str(&text).unwrap();
    let session = &listed["items"][0];
    assert_eq!((session["answers"].as_array().map(Vec::len), &session["answers_left_out"]), (Some(1), &json!(2)));
    assert_eq!(session["answers"][0]["question_id"], asked["sent"]["question_id"]);
}

#[tokio::test]
async fn the_answers_of_many_are_told_back_to_the_first() {
    const PEOPLE: u32 = 27;
    const ANSWERS: u32 = 20;
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let questions = json!([
        {"key": "color", "label": "Which?", "type": "choice", "options": ["red", "blue"]},
        {"key": "ok", "label": "Fine?", "type": "yes_no"},
    ]);
    let link = agent.link(json!({"max_sessions_at_once": PEOPLE, "questions": questions})).await;
    let mut chatters = Vec::new();
    for _ in 0..PEOPLE {
        chatters.push(installation.visitor().enter(&link).await);
    }
    // More than are read at once, and the only word about the color comes first.
    for number in 0..ANSWERS {
        let values = if number == 0 { json!({"color": "red"}) } else { json!({"ok": number == ANSWERS - 1}) };
        let answers = chatters.iter().map(async |chatter| {
            let question = &link["answers"]["question_id"];
            let answer = json!({"client_message_id": uuid(), "question_id": question, "values": values});
            chatter.post("/answers", &answer).await.expect(201);
        });
        join_all(answers).await;
    }
    let shown = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
    let fields = json!([
        {"key": "color", "answered": PEOPLE, "values": {"red": PEOPLE, "blue": 0}},
        {"key": "ok", "answered": PEOPLE, "values": {"true": PEOPLE}},
    ]);
    assert_eq!((&shown["answers"]["fields"], shown["answers"].get("counted")), (&fields, None));
    let listed = json!({"link_id": link["link_id"], "include": ["answers"], "limit": 100});
    let listed = agent.ask("temp_chat_list_sessions", listed).await;
    let whole = json!({"color": "red", "ok": true});
    let sessions = listed["items"].as_array().unwrap();
    assert!(!sessions.is_empty() && sessions.iter().all(|session| session["answers"][0]["values"] == whole), "{listed}");
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_told_with_both_lengths() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let fields = json!([{"key": "why", "label": "Why?", "type": "text"}]);
    let asked = agent.ask("temp_chat_ask", json!({"session_id": chatter.session, "fields": fields})).await;
    let answer = |letters: usize| {
        let values = json!({"why": "x".repeat(letters)});
        json!({"client_message_id": uuid(), "question_id": asked["sent"]["question_id"], "values": values})
    };
    let problem = chatter.post("/answers", &answer(10_000)).await.refused(422, "answer_invalid");
    let error = json!({"key": "why", "code": "too_long", "detail": "This has at most 1000 characters, not 10000."});
    assert_eq!(problem["errors"], json!([error]));
    // Whoever asks is told that nobody has answered yet.
    let look = json!({"session_id": chatter.session, "after": asked["next_cursor"], "timeout_seconds": 0});
    let heard = agent.ask("temp_chat_wait_for_messages", look).await;
    assert_eq!((&heard["events"], &heard["open_sessions"][0]["open_fields"]), (&json!([]), &json!(1)));
    chatter.post("/answers", &answer(1_000)).await.expect(201);
}

#[tokio::test]
async fn more_than_one_answer_could_show_is_refused_when_it_is_asked() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let text = |key: &str| json!({"key": key, "label": "Tell me", "type": "text", "max_length": 4_000});
    let fields = json!([text("a"), text("b"), text("c")]);
    let told = agent.is_refused("temp_chat_ask", json!({"session_id": chatter.session, "fields": fields})).await;
    assert_eq!(
        told,
        "question_invalid: fields: All texts together may have 8000 characters, not 12000: lower max_length, or ask in two parts. \
         Call again with the fields corrected."
    );
    let misspelt = json!([{"key": "a", "label": "A?", "type": "text", "requried": false}]);
    let told = agent.is_refused("temp_chat_create_link", json!({"title": "x", "questions": misspelt})).await;
    assert!(told.starts_with("question_invalid: questions[0]: there is no \"requried\"; a field has key, label, "), "{told}");
}

#[tokio::test]
async fn a_farewell_that_nobody_hears_is_said_to_be_unsaid() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"recipients": ["Ann"]})).await;
    let chatter = installation.visitor().enter(&json!({"url": link["urls"][0]["url"]})).await;
    let end = json!({"session_id": chatter.session, "farewell": "Goodbye."});
    let ended = agent.ask("temp_chat_end_session", end.clone()).await;
    assert_eq!((&ended["recipient"], ended.get("warnings")), (&json!("Ann"), None));
    let again = agent.ask("temp_chat_end_session", end).await;
    assert_eq!(again["warnings"], json!(["The chat had ended before this call: the farewell was not said."]));

    let revoke = json!({"link_id": link["link_id"], "farewell": "Goodbye, all."});
    assert_eq!(agent.ask("temp_chat_revoke_link", revoke.clone()).await["warnings"], json!([]));
    let again = agent.ask("temp_chat_revoke_link", revoke).await;
    assert_eq!(again["warnings"], json!(["The link was closed before this call: the farewell was not said."]));
}

#[tokio::test]
async fn an_empty_name_is_as_one_left_out() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Terse").await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let look = json!({"link_id": link["link_id"], "session_id": "", "after": "", "timeout_seconds": 0});
    let heard = agent.ask("temp_chat_wait_for_messages", look).await;
    assert_eq!(heard["events"][0]["session_id"], json!(chatter.session));
    let told = agent.is_refused("temp_chat_get_link", json!({"link_id": ""})).await;
    assert_eq!(told, "invalid_request: link_id is missing. Call temp_chat_get_link again with link_id.");
}

#[tokio::test]
async fn the_newest_so_many_are_told_with_the_word_that_there_are_earlier_ones() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 100})).await;
    let chatter = installation.visitor().enter(&link).await;
    for word in ["one", "two", "three"] {
        chatter.say(word).await;
    }
    let read = agent.ask("temp_chat_read_messages", json!({"session_id": chatter.session, "last": 3, "limit": 2})).await;
    let told: Vec<_> = read["events"].as_array().unwrap().iter().map(|event| &event["data"]["text"]).collect();
    assert_eq!((told, &read["has_earlier"]), (vec![&json!("two"), &json!("three")], &json!(true)));
}
