//! Coming in: who is who, who may, and what a second tap gives.

use serde_json::json;

use crate::support::{Chatter, Installation, token_of};

#[tokio::test]
async fn the_same_client_gets_the_same_session_again() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_total": 1})).await;
    let visitor = installation.visitor();
    let chatter = visitor.enter(&link).await;
    // The answer was lost, and with it the cookie: soon after the start the client id is enough.
    let again = visitor.join(token_of(&link), json!({})).await;
    assert_eq!(again.status, 200, "{}", again.text());
    let again = Chatter::of(visitor.clone(), &again);
    assert_eq!(again.session, chatter.session);
    again.say("It is me").await;
    assert_eq!(chatter.words().await, [("chatter".to_owned(), "It is me".to_owned())]);
}

#[tokio::test]
async fn an_ended_session_is_shown_again_and_a_new_one_begins_on_request() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 2})).await;
    let visitor = installation.visitor();
    let chatter = visitor.enter(&link).await;
    chatter.post("/end", &json!({"rating": 5, "feedback": "Quick"})).await.expect(200);
    let shown = visitor.join(token_of(&link), json!({})).await.expect(200);
    assert_eq!(shown["session"]["id"], chatter.session.as_str());
    assert_eq!(shown["session"]["ends_reason"], "chatter_left");
    assert_eq!(shown["can_start_new"], true);

    let anew = visitor.join(token_of(&link), json!({"start_new": true})).await.expect(201);
    assert_ne!(anew["session"]["id"], chatter.session.as_str());
    let transcript = chatter.get("/transcript?format=json").await.expect(200);
    assert!(transcript.to_string().contains("Quick"), "a transcript is there after the end: {transcript}");
}

#[tokio::test]
async fn a_passcode_is_asked_for_compared_and_not_guessed() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent
        .link(json!({"passcode": "blue teapot", "description": "For members", "welcome_message": "Come in", "max_sessions_at_once": 9}))
        .await;
    assert!(!link.to_string().contains("teapot"), "a passcode is never shown again");
    let token = token_of(&link);
    let visitor = installation.visitor();
    let seen = visitor.inspect(token).await.expect(200);
    assert_eq!(seen["link"]["requires_passcode"], true);
    assert!(!seen.to_string().contains("For members") && !seen.to_string().contains("Come in"));

    visitor.join(token, json!({})).await.refused(401, "passcode_required");
    visitor.join(token, json!({"passcode": "red kettle"})).await.refused(401, "passcode_wrong");
    let other = installation.visitor();
    let joined = other.join(token, json!({"passcode": "blue teapot", "display_name": "Kim"})).await.expect(201);
    assert_eq!(joined["events"][0]["data"]["display_name"], "Kim");
}

#[tokio::test]
async fn a_client_without_cookies_shows_a_bearer_token() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let visitor = installation.visitor();
    let joined = visitor.join(token_of(&link), json!({"credential": "bearer"})).await;
    assert_eq!(joined.header("set-cookie"), None);
    assert_eq!(joined.status, 201);
    let chatter = Chatter::of(visitor, &joined);
    chatter.say("No cookies here").await;
    assert_eq!(chatter.words().await.len(), 1);
    let mut stream = chatter.follow(None).await;
    assert_eq!(stream.words(1).await, ["No cookies here"]);
}

#[tokio::test]
async fn a_cookie_goes_to_its_session_alone_and_to_no_script() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let joined = installation.visitor().join(token_of(&link), json!({})).await;
    let cookie = joined.header("set-cookie").unwrap().to_owned();
    let session = joined.expect(201)["session"]["id"].as_str().unwrap().to_owned();
    for part in ["HttpOnly", "SameSite=Strict", &format!("Path=/api/v1/sessions/{session}"), "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[tokio::test]
async fn previews_and_crawlers_use_up_nothing() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_total": 1})).await;
    let visitor = installation.visitor();
    let page = visitor.get(&format!("/temp-chat/{}", token_of(&link))).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").unwrap().starts_with("text/html"));
    for other in ["/temp-chat/made-up", "/chat/ses_of_nobody"] {
        assert_eq!(visitor.get(other).await.body, page.body, "one shell for everyone");
    }
    assert!(!page.text().contains("A few questions"), "the shell looks up nothing");
    for _ in 0..3 {
        visitor.forgetful().inspect(token_of(&link)).await.expect(200);
    }
    let seen = agent.ask("temp_chat_list_sessions", json!({"link_id": link["link_id"]})).await;
    assert_eq!(seen["items"], json!([]));
    visitor.enter(&link).await;
}
