//! A person thinks better of a purchase, twice, each time a moment before the agent says that it is done.

use serde_json::{Value, json};

use super::{ASK, END, SEND, Scene, WITHDRAW, is_held, texts};
use crate::support::until;

/// What the person is asked.
fn buy() -> Value {
    json!([{"key": "buy", "label": "Shall I buy the van for 9,400?", "type": "yes_no"}])
}

/// Waits for the newest answer or word, and returns what was heard.
async fn heard(scene: &Scene, after: &Value) -> Value {
    scene.agent.hear(json!({"session_id": scene.chatter.session, "after": after["next_cursor"]})).await
}

/// Tells what the person's client knows of closings.
async fn closings(scene: &Scene) -> Vec<Value> {
    let page = scene.chatter.get("/messages?limit=100").await.expect(200);
    let events = page["events"].as_array().unwrap().iter();
    events.filter(|event| event["type"] == "question_closed").map(|event| event["data"]["why"].clone()).collect()
}

#[tokio::test]
async fn nothing_is_bought_past_a_no_and_no_chat_is_ended_past_a_wait() {
    let scene = Scene::open().await;
    let asked = scene.asks(buy()).await;
    let question = asked["sent"]["question_id"].clone();
    scene.answers(&question, json!({"buy": true})).await;
    let yes = heard(&scene, &asked).await;
    assert_eq!((&yes["events"][0]["data"]["values"], &yes["suggested_next"]), (&json!({"buy": true}), &json!("reply")));

    // While the model writes, the answer changes. Whether it says what it has read or leaves that to the gateway: it is held.
    scene.answers(&question, json!({"buy": false})).await;
    let approve = json!({"text": "Approved: the van is bought.", "idempotency_key": "bought"});
    let held = scene.call(SEND, approve.clone()).await;
    is_held(&held, 1);
    let given = held["events"].as_array().unwrap();
    assert_eq!(given.last().unwrap()["data"]["values"], json!({"buy": false}), "{held}");
    assert!(given[..given.len() - 1].iter().all(|event| event["redelivered"] == true), "what was given before is marked: {held}");
    let mut late = approve.clone();
    late["after"] = yes["next_cursor"].clone();
    is_held(&scene.call(SEND, late).await, 1);
    // Neither is the question taken back, nor another put in its place, by whoever has not read the no.
    let closes = json!({"question_id": question, "reason": "It is bought.", "after": yes["next_cursor"]});
    is_held(&scene.call(WITHDRAW, closes).await, 1);
    let again = json!({"fields": buy(), "replaces": question, "after": yes["next_cursor"], "idempotency_key": "again"});
    is_held(&scene.call(ASK, again).await, 1);
    assert_eq!((scene.said().await, closings(&scene).await), (vec![], vec![]));

    // It has read it now, and asks once more, of another price, with the key that was left free.
    let fields = json!([{"key": "buy", "label": "For 9,000?", "type": "yes_no"}]);
    let other = json!({"fields": fields, "replaces": question, "after": held["next_cursor"], "idempotency_key": "again"});
    let other = scene.call(ASK, other).await;
    assert_eq!((other.get("held"), &other["sent"]["replayed"]), (None, &json!(false)), "{other}");
    scene.answers(&other["sent"]["question_id"], json!({"buy": true})).await;
    let yes = heard(&scene, &other).await;
    assert_eq!(closings(&scene).await, ["replaced", "answered"]);

    scene.chatter.say("Wait, do not do it!").await;
    let farewell = json!({"farewell": "It is bought. Goodbye!", "after": yes["next_cursor"]});
    let mut softly = farewell.clone();
    softly["in_minutes"] = json!(5);
    let held = scene.call(END, softly).await;
    is_held(&held, 1);
    assert_eq!((texts(&held), held["held"].get("hint")), (vec!["Wait, do not do it!"], None));
    let held = scene.call(END, farewell).await;
    is_held(&held, 1);
    let hint = held["held"]["hint"].as_str().unwrap_or_else(|| panic!("{held}"));
    assert!(hint.contains("even_if_unread"), "{hint}");
    let chat = scene.chatter.look().await;
    assert_eq!((&chat["status"], chat.get("end_planned_at")), (&json!("active"), None));
    assert_eq!(scene.said().await, Vec::<String>::new());

    let farewell = json!({"farewell": "I have not bought it. Goodbye!", "after": held["next_cursor"]});
    assert_eq!(scene.call(END, farewell).await["status"], "ended");
    assert_eq!(scene.said().await, ["I have not bought it. Goodbye!"]);
}

#[tokio::test]
async fn a_soft_end_is_planned_by_whoever_has_read_and_called_off_by_whoever_writes() {
    let scene = Scene::open().await;
    scene.chatter.say("That is all, I think").await;
    let end = json!({"in_minutes": 30, "farewell": "Until next time!"});
    let held = scene.call(END, end.clone()).await;
    is_held(&held, 1);
    assert_eq!(scene.chatter.look().await.get("end_planned_at"), None);
    // It was given that word with the hold.
    let planned = scene.call(END, end.clone()).await;
    assert!(planned["end_planned_at"].is_string(), "{planned}");
    scene.chatter.say("One more thing").await;
    assert_eq!(scene.chatter.look().await.get("end_planned_at"), None, "a word calls it off");
    let held = scene.call(END, end).await;
    is_held(&held, 1);
    assert_eq!(texts(&held).last(), Some(&"One more thing"));
    assert_eq!(scene.said().await, Vec::<String>::new());

    // Whoever means it all the same says so, and what was planned then is ended by a timer, which nobody holds.
    scene.chatter.say("Still there?").await;
    scene.call(END, json!({"in_minutes": 0.02, "farewell": "Goodbye!", "even_if_unread": true})).await;
    until("the chat has ended as planned", async || (scene.chatter.look().await["status"] == "ended").then_some(())).await;
    assert_eq!(scene.said().await, ["Goodbye!"]);
}
