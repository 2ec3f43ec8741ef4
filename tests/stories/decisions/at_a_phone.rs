//! A decision's card on a phone.

use serde_json::{Value, json};

use super::REQUEST;
use crate::support::{Agent, Browser, Installation};

/// A person at a phone and their agent.
async fn at_a_phone(settings: Value) -> (Agent, Browser, Value) {
    let agent = Installation::shared().agent().await;
    let mut wishes = json!({"agent_name": "Van Hire"});
    wishes.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    let link = agent.link(wishes).await;
    let browser = Browser::open().await;
    browser.resize(390, 780).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].clone();
    (agent, browser, session)
}

/// What has been decided, in order.
async fn verdicts(agent: &Agent, session: &Value) -> Vec<Value> {
    let read = agent.ask("temp_chat_read_messages", json!({"session_id": session, "limit": 100})).await;
    let events = read["events"].as_array().unwrap().iter();
    events.filter(|event| event["type"] == "decision").map(|event| event["data"].clone()).collect()
}

#[tokio::test]
async fn a_person_reads_exactly_what_it_is_about_and_approves_on_the_second_tap() {
    let (agent, browser, session) = at_a_phone(json!({})).await;
    let account = "DE00\u{200b}1234".to_owned();
    let payload = json!({"account": account, "amount": 9400, "note": "x".repeat(600), "lines": (0..60).collect::<Vec<_>>()});
    let wish = json!({"session_id": session, "subject": "Pay the van", "payload": payload, "answer_within_minutes": 30});
    let asked = agent.ask(REQUEST, wish).await;
    browser.shows(".decision h2", "Pay the van").await;
    browser.shows(".decision .speaker", "AI").await;
    browser.shows(".decision .payload", "\"amount\": 9400").await;
    browser.shows(".decision .payload mark", "U+200B").await;
    browser.shows(".decision", "Characters that cannot be seen are shown as their codes.").await;
    browser.shows(".decision .deadline", "Time left: 30 minutes.").await;
    // Nothing is cut: it is wrapped, and what is very long scrolls in its own place.
    let fits = "const it = document.querySelector('.decision .payload'); \
        return it.scrollWidth <= it.clientWidth && it.scrollHeight > it.clientHeight && it.textContent.includes('59') && \
        document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(browser.run(fits).await, true);
    // The first tap decides nothing.
    browser.click(".decision .choices .option:nth-child(1)").await;
    browser.shows(".decision .armed", "Tap again to approve").await;
    assert_eq!(verdicts(&agent, &session).await.len(), 0);
    browser.click(".decision .choices .option:nth-child(1)").await;
    browser.shows(".decision .closing", "You approved this.").await;
    let [verdict] = verdicts(&agent, &session).await.try_into().unwrap();
    assert_eq!((&verdict["verdict"], &verdict["question_id"]), (&json!("approved"), &asked["sent"]["question_id"]));
    browser.reload().await;
    browser.shows(".decision .closing", "You approved this.").await;
    browser.shows(".decision .payload", "\"amount\": 9400").await;
    assert_eq!(browser.count(".decision .option").await, 0);
    browser.close().await;
}

#[tokio::test]
async fn a_person_changes_it_says_why_not_and_is_told_when_it_is_too_late() {
    let (agent, browser, session) = at_a_phone(json!({"language": "de"})).await;
    let wish = |payload: Value| json!({"session_id": session, "subject": "Bestellung", "payload": payload, "allow": ["approve", "reject", "edit"], "even_if_unread": true});
    agent.ask(REQUEST, wish(json!({"seats": 3}))).await;
    browser.shows(".decision .option:nth-child(1)", "Freigeben").await;
    browser.click(".decision .option:nth-child(3)").await;
    browser.click(".decision button[type=submit]").await;
    browser.shows(".decision .error", "Noch ist nichts geändert.").await;
    // It outlives the page while it is written.
    browser.type_into(".decision textarea", "x").await;
    browser.reload().await;
    browser.click(".decision button[type=submit]").await;
    browser.shows(".decision .error", "Das ist kein gültiges JSON.").await;
    browser.run("const it = document.querySelector('.decision textarea'); it.value = '{\"seats\": 2}'; it.dispatchEvent(new Event('input'))").await;
    browser.click(".decision button[type=submit]").await;
    browser.shows(".decision .closing", "Sie haben es geändert").await;
    browser.shows(".decision .payload", "\"seats\": 2").await;
    assert_eq!(verdicts(&agent, &session).await[0]["edited"], json!({"seats": 2}));

    agent.ask(REQUEST, wish(json!("Noch zwei Stühle"))).await;
    browser.click(".decision:last-child .option:nth-child(2)").await;
    browser.type_into(".decision:last-child textarea", "Zu teuer").await;
    browser.click(".decision:last-child button[type=submit]").await;
    browser.shows(".decision:last-child .closing", "Sie haben dies abgelehnt.").await;
    assert_eq!(verdicts(&agent, &session).await[1]["reason"], "Zu teuer");

    let asked = agent.ask(REQUEST, wish(json!("Ein Tisch"))).await;
    browser.click(".decision:last-child .option:nth-child(2)").await;
    browser.type_into(".decision:last-child textarea", "Ich überlege").await;
    let withdraw = json!({"session_id": session, "question_id": asked["sent"]["question_id"], "even_if_unread": true});
    agent.ask("temp_chat_withdraw_question", withdraw).await;
    // What was being written is not gone without a word.
    browser.shows(".decision:last-child .unsent .words", "Ich überlege").await;
    assert_eq!((browser.count(".decision form").await, verdicts(&agent, &session).await.len()), (0, 2));
    browser.close().await;
}
