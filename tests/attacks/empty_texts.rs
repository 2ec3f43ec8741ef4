//! Texts that hold nothing that a screen shows, or NUL; and links that lead back to ourselves.

use serde_json::{Value, json};

use crate::support::{Installation, send, token_of, uuid};

#[tokio::test]
async fn what_has_nothing_to_be_seen_is_no_title_name_label_or_word() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let id = &link["link_id"];
    let field = |label: &str| json!({"key": "a", "label": label, "type": "text"});
    let choice = |label: &str| json!({"key": "a", "label": "A", "type": "choice", "options": [{"value": "a", "label": label}]});
    for nothing in ["\0", "\0\0\0", " ", "\u{200b}", "\u{3164}\u{2800}", "\u{202e}\u{2066}", "\u{e0041}\u{e0042}", "a\0b"] {
        for (tool, arguments) in [
            ("temp_chat_create_link", json!({"title": nothing})),
            ("temp_chat_create_link", json!({"title": "A", "agent_name": nothing})),
            ("temp_chat_create_link", json!({"title": "A", "welcome_message": nothing})),
            ("temp_chat_create_link", json!({"title": "A", "recipients": [nothing]})),
            ("temp_chat_create_link", json!({"title": "A", "questions": [field(nothing)]})),
            ("temp_chat_update_link", json!({"link_id": id, "title": nothing})),
            ("temp_chat_update_link", json!({"link_id": id, "agent_name": nothing})),
            ("temp_chat_send_message", json!({"session_id": chatter.session, "text": nothing})),
            ("temp_chat_ask", json!({"session_id": chatter.session, "fields": [field(nothing)]})),
            ("temp_chat_ask", json!({"session_id": chatter.session, "fields": [choice(nothing)]})),
        ] {
            let told = agent.is_refused(tool, arguments.clone()).await;
            assert!(told.starts_with("text_empty: ") || told.starts_with("invalid_request: "), "{tool} {arguments}: {told}");
        }
        if nothing != "a\0b" {
            let said = json!({"client_message_id": uuid(), "text": nothing});
            chatter.post("/messages", &said).await.refused(422, "text_empty");
        }
    }
    // Whoever calls themselves nothing has no name.
    let link = agent.link(json!({})).await;
    let nobody = installation.visitor().join(token_of(&link), json!({"display_name": "\u{200b}\0\u{3164}"})).await;
    let joined: Value = serde_json::from_slice(&nobody.body).unwrap();
    assert_eq!(nobody.status, 201, "{joined}");
    assert!(!joined["events"].to_string().contains("display_name"), "{joined}");
    // What people write in any language is left alone.
    for words in ["हिन्दी में", "می‌خواهم", "👩‍👩‍👧", "ᠮᠣᠩᠭᠣᠯ", "Zoë", "שָׁלוֹם"]
    {
        agent.ask("temp_chat_update_link", json!({"link_id": id, "title": words})).await;
        let seen = chatter.look().await;
        assert_eq!(seen["title"], words);
    }
}

#[tokio::test]
async fn a_link_in_an_agents_words_never_leads_to_ourselves() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let chatter = installation.visitor().enter(&agent.link(json!({})).await).await;
    let foul =
        ["https:/path", "http:path", "HTTPS:/api/v1", "https:", "http:///", "/path", "//host", "https:\\\\host", "?a", "#a"];
    for address in foul {
        agent.say(&chatter.session, &format!("[x]({address}) <{address}>")).await;
    }
    agent.say(&chatter.session, "[x](https://example.com/path) [y](mailto:a@b.example) [z](tel:+15550123)").await;
    let page = chatter.get("/messages?limit=100").await.expect(200);
    let html: Vec<_> = page["events"].as_array().unwrap().iter().filter_map(|event| event["data"]["html"].as_str()).collect();
    let (good, bad) = html.split_last().unwrap();
    assert_eq!(good.matches("href=").count(), 3, "{good}");
    for html in bad {
        for href in html.split("href=\"").skip(1) {
            assert!(href.starts_with("http://path") || href.starts_with("https://host"), "{html}");
        }
    }
    let copy = send(chatter.request(http::Method::GET, "/transcript?format=html")).await;
    assert_eq!(copy.text().matches("href=\"https:/path").count(), 0);
}
