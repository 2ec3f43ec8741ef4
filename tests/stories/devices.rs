//! One person, several devices: going on elsewhere by a code, and being forgotten on one of them.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Chatter, Installation, Process, Visitor, token_of, uuid};

/// Tries a code on a new device.
async fn bring(visitor: &Visitor, code: &Value) -> crate::support::Answer {
    visitor.post("/api/v1/sessions", &json!({"client_id": visitor.client_id(), "handoff_code": code})).await
}

/// Goes on with a chat on a new device, at an address of its own.
async fn goes_on(installation: &Installation, chatter: &Chatter) -> Chatter {
    let offered = chatter.post("/handoff", &json!({})).await.expect(200);
    let visitor = installation.visitor();
    let answer = bring(&visitor, &offered["code"]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    Chatter::of(visitor, &answer)
}

#[tokio::test]
async fn a_chat_goes_on_on_another_device() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_total": 1})).await;
    let phone = installation.visitor().enter(&link).await;
    phone.say("From the phone").await;

    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    let code = offered["code"].as_str().unwrap();
    assert_eq!(code.len(), 8);
    assert_eq!(offered["url"], format!("{}/chat#{code}", installation.url()));
    assert!(offered["expires_at"].as_str() > offered["now"].as_str());
    assert!(offered["qr"]["path"].as_str().unwrap().starts_with("M0 0h7v1h-7z"));

    // As a person types it.
    let typed = format!(" {}-{} ", code[..4].to_lowercase(), &code[4..]);
    let laptop = installation.visitor();
    let joined = bring(&laptop, &typed.into()).await;
    assert_eq!(joined.status, 200, "{}", joined.text());
    let laptop = Chatter::of(laptop, &joined);
    assert_eq!(laptop.session, phone.session);
    assert!(laptop.joined["events"].to_string().contains("From the phone"));
    assert_ne!(laptop.secret(), phone.secret());
    laptop.say("From the laptop").await;
    assert_eq!(phone.words().await, laptop.words().await);

    // The answer was lost: the same device with the same code gets it again, and nobody else does.
    assert_eq!(bring(&laptop.visitor, &offered["code"]).await.status, 200);
    bring(&installation.visitor(), &offered["code"]).await.refused(404, "handoff_unknown");
    // To the agent it is one person.
    let heard = agent.wait(&link, None).await;
    assert!(!heard.to_string().contains("handoff") && !heard.to_string().contains("device"), "{heard}");
}

#[tokio::test]
async fn every_wrong_code_is_refused_alike_and_not_for_long() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let phone = installation.visitor().enter(&link).await;
    let void = phone.post("/handoff", &json!({})).await.expect(200);
    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    let right = offered["code"].as_str().unwrap();
    // It leads to the session, which says no.
    let guessed = if right.ends_with('0') { format!("{}1", &right[..7]) } else { format!("{}0", &right[..7]) };

    let stranger = installation.visitor();
    let mut bodies = Vec::new();
    for code in [void["code"].clone(), guessed.clone().into(), "00000000".into(), "what?".into(), "".into()] {
        let answer = bring(&stranger, &code).await;
        bodies.push(answer.body.clone());
        answer.refused(404, "handoff_unknown");
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "nobody is told what was wrong");

    // Two of these led to the session; with three more, from anywhere, the right code is void too.
    let other = installation.visitor();
    for _ in 0..3 {
        // The same client with the same code would be one try, sent again.
        bring(&other.forgetful(), &guessed.clone().into()).await.refused(404, "handoff_unknown");
    }
    bring(&installation.visitor(), &offered["code"]).await.refused(404, "handoff_unknown");
    assert_eq!(goes_on(installation, &phone).await.session, phone.session);
}

#[tokio::test]
async fn one_device_is_forgotten_and_the_others_are_not() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 2})).await;
    let phone = installation.visitor().enter(&link).await;
    let laptop = goes_on(installation, &phone).await;
    laptop.say("Still here").await;
    let mut stream = phone.follow(None).await;
    stream.begins().await;

    let forgotten = phone.post("/forget", &json!({})).await;
    assert_eq!(forgotten.status, 204, "{}", forgotten.text());
    assert!(forgotten.header("set-cookie").unwrap().contains("Max-Age=0"));
    for path in ["", "/messages", "/events", "/transcript?format=txt"] {
        phone.get(path).await.refused(401, "session_unknown");
    }
    let word = json!({"client_message_id": uuid(), "text": "Hello?"});
    for path in ["/messages", "/end", "/handoff", "/forget"] {
        phone.post(path, &word).await.refused(401, "session_unknown");
    }
    phone.erase().await.refused(401, "session_unknown");
    // What was open closes without another word.
    stream.rest().await;
    // Its secret opens nothing, shows nothing, and takes nothing.
    let token = token_of(&link);
    assert_eq!(phone.visitor.inspect(token).await.expect(200).get("your_session"), None);
    phone.visitor.join(token, json!({})).await.refused(409, "client_id_used");
    phone.visitor.join(token, json!({"start_new": true})).await.refused(409, "client_id_used");

    laptop.say("And still here").await;
    assert_eq!(laptop.words().await.len(), 2);
    let back = goes_on(installation, &laptop).await;
    assert_eq!(back.words().await.len(), 2);
    assert_ne!(phone.visitor.forgetful().enter(&link).await.session, laptop.session);
}

#[tokio::test]
async fn codes_and_forgetting_hold_at_every_gateway_and_after_a_crash() {
    let installation = Installation::start();
    let second = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    let other = second.url().unwrap();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let phone = installation.visitor().enter(&link).await;

    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    let visitor = installation.visitor().at(other);
    let answer = bring(&visitor, &offered["code"]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let laptop = Chatter::of(visitor, &answer);
    bring(&installation.visitor(), &offered["code"]).await.refused(404, "handoff_unknown");
    laptop.post("/forget", &json!({})).await;
    // The other gateways know it within a second.
    crate::support::until("the other gateway to forget", async || {
        (laptop.at(installation.url()).get("").await.status == 401).then_some(())
    })
    .await;
    let kept = phone.post("/handoff", &json!({})).await.expect(200);
    assert_eq!(second.interrupt().await.code(), Some(0));

    let installation = Installation::on(installation.kill());
    let (phone, laptop) = (phone.at(installation.url()), laptop.at(installation.url()));
    laptop.get("").await.refused(401, "session_unknown");
    assert_eq!(phone.look().await["status"], "active");
    let tablet = bring(&installation.visitor(), &kept["code"]).await;
    assert_eq!(tablet.status, 200, "a code survives a crash: {}", tablet.text());
}

#[tokio::test]
async fn a_code_is_offered_only_while_the_chat_goes_on() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let visitor = installation.visitor();
    let chatter = visitor.enter(&link).await;
    let offered = chatter.post("/handoff", &json!({})).await.expect(200);
    chatter.post("/end", &json!({})).await.expect(200);
    chatter.post("/handoff", &json!({})).await.refused(409, "session_ended");
    bring(&installation.visitor(), &offered["code"]).await.refused(404, "handoff_unknown");
    let both = json!({"client_id": uuid(), "token": token_of(&link), "handoff_code": "00000000"});
    visitor.post("/api/v1/sessions", &both).await.refused(422, "invalid_request");
    visitor.post("/api/v1/sessions", &json!({"client_id": uuid()})).await.refused(422, "invalid_request");
}

#[tokio::test]
async fn of_two_who_bring_a_code_at_once_one_is_let_in() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let phone = installation.visitor().enter(&link).await;
    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    let both = [installation.visitor(), installation.visitor()];
    let (one, other) = tokio::join!(bring(&both[0], &offered["code"]), bring(&both[1], &offered["code"]));
    let mut answers = [one.status.as_u16(), other.status.as_u16()];
    answers.sort_unstable();
    assert_eq!(answers, [200, 404]);

    // What is erased has no more ways in.
    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    phone.erase().await.expect(200);
    bring(&installation.visitor(), &offered["code"]).await.refused(404, "handoff_unknown");
    phone.post("/handoff", &json!({})).await.refused(410, "session_erased");
}

#[tokio::test]
async fn who_is_forgotten_while_waiting_is_told_so_at_once() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let phone = installation.visitor().enter(&link).await;
    let laptop = goes_on(installation, &phone).await;
    let cursor = phone.joined["next_cursor"].as_str().unwrap();
    let path = format!("/messages?wait=25&after={cursor}");
    let (waited, forgotten) = tokio::join!(async { (phone.get(&path).await, Instant::now()) }, async {
        phone.post("/typing", &json!({"typing": true})).await;
        (phone.post("/forget", &json!({})).await, Instant::now())
    });
    assert_eq!(forgotten.0.status, 204);
    waited.0.refused(401, "session_unknown");
    assert!(waited.1 < forgotten.1 + Duration::from_secs(20), "long before the wait is over");
    laptop.say("Still here").await;
}

#[tokio::test]
async fn a_client_without_cookies_goes_on_too() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let phone = installation.visitor().enter(&link).await;
    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    let visitor = installation.visitor();
    let body = json!({"client_id": visitor.client_id(), "handoff_code": offered["code"], "credential": "bearer"});
    let joined = visitor.post("/api/v1/sessions", &body).await;
    assert_eq!(joined.header("set-cookie"), None);
    let program = Chatter::of(visitor, &joined);
    assert_eq!(program.look().await["id"], phone.session.as_str());
    assert_eq!(program.post("/forget", &json!({})).await.header("set-cookie"), None);
    program.get("").await.refused(401, "session_unknown");
}
