//! On what terms an agent is held: never by a timer, never as a task, and by what was said to this key alone.

use http::Method;
use serde_json::{Value, json};

use super::{ASK, SEND, Scene, WAIT, WITHDRAW, is_held, texts};
use crate::support::{Installation, Modern, send, until};

/// A form of one question.
fn fine() -> Value {
    json!([{"key": "fine", "label": "Fine?", "type": "yes_no"}])
}

#[tokio::test]
async fn a_question_times_out_though_there_is_something_to_read() {
    let scene = Scene::open().await;
    let asked = scene.call(ASK, json!({"fields": fine(), "answer_within_minutes": 0.02, "if_silent": {"fine": true}})).await;
    scene.chatter.say("What do you mean?").await;
    let closed = until("the question is closed", async || {
        let page = scene.chatter.get("/messages?limit=100").await.expect(200);
        page["events"].as_array().unwrap().iter().find(|event| event["type"] == "question_closed").cloned()
    });
    let closed = closed.await["data"].clone();
    assert_eq!((&closed["why"], closed.get("values")), (&json!("timed_out"), None), "a word means that silence means nothing");
    let held = scene.call(SEND, json!({"text": "So you are fine.", "after": asked["next_cursor"]})).await;
    is_held(&held, 1);
    assert_eq!(texts(&held), ["What do you mean?"]);
    assert_eq!(held["events"][1]["type"], "question_closed", "what came since comes along, and is no word: {held}");
    // A refusal comes before a hold: there is nothing to take back any more.
    let withdraw =
        json!({"session_id": scene.chatter.session, "question_id": asked["sent"]["question_id"], "after": asked["next_cursor"]});
    assert!(scene.agent.is_refused(WITHDRAW, withdraw).await.starts_with("question_closed: "));
}

#[tokio::test]
async fn a_question_is_taken_back_all_the_same_by_whoever_says_so() {
    let scene = Scene::open().await;
    let asked = scene.asks(fine()).await;
    let question = &asked["sent"]["question_id"];
    scene.chatter.say("Let me think").await;
    let after = &asked["next_cursor"];
    is_held(&scene.call(WITHDRAW, json!({"question_id": question, "after": after})).await, 1);
    let withdraw = json!({"question_id": question, "after": after, "even_if_unread": true});
    let withdrawn = scene.call(WITHDRAW, withdraw).await;
    assert_eq!((&withdrawn["sent"]["question_id"], withdrawn.get("held")), (question, None), "{withdrawn}");
    // Once more changes nothing, so there is nothing to hold.
    let again = scene.call(WITHDRAW, json!({"question_id": question, "after": after})).await;
    assert_eq!(again.get("held"), None, "{again}");
}

#[tokio::test]
async fn what_is_held_is_answered_at_once_and_never_as_a_task() {
    let installation = Installation::shared();
    let scene = Scene::open().await;
    let here = Modern::with_tasks(installation.url(), scene.agent.key());
    let call = async |tool: &str, more: Value| {
        let mut arguments = json!({"session_id": scene.chatter.session});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        here.call(tool, arguments).await
    };
    let after = scene.reads().await;
    scene.chatter.say("Wait").await;
    let held = call(SEND, json!({"text": "Done", "after": after, "wait_for_reply_seconds": 50})).await;
    assert_eq!(held["resultType"], "complete", "{held}");
    is_held(&held["structuredContent"], 1);
    assert_eq!(texts(&held["structuredContent"]), ["Wait"]);
    let ask = json!({"fields": fine(), "after": after, "wait_for_reply_seconds": 50, "idempotency_key": "fine"});
    let again = call(ASK, ask.clone()).await;
    is_held(&again["structuredContent"], 1);
    assert!(again["structuredContent"]["held"]["hint"].as_str().unwrap().contains("even_if_unread"), "{again}");

    // Once it is read, it waits as a task, and what that tells is read as well.
    let mut ask = ask;
    ask["after"] = held["structuredContent"]["next_cursor"].clone();
    let task = call(ASK, ask).await;
    assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")), "{task}");
    scene.chatter.say("It depends").await;
    let told = until("the end of the task", async || Some(here.looks(&task).await).filter(|task| task["status"] != "working"));
    let told = told.await;
    assert_eq!(texts(&told["result"]["structuredContent"]), ["It depends"], "{told}");
    let sent = call(SEND, json!({"text": "On what?"})).await;
    assert!(sent["structuredContent"]["sent"]["event_id"].is_string(), "{sent}");
    scene.chatter.say("On the price").await;
    let held = call(SEND, json!({"text": "Hello?"})).await;
    is_held(&held["structuredContent"], 1);
    assert_eq!(scene.said().await, ["On what?"]);
}

#[tokio::test]
async fn a_task_wakes_for_what_a_wait_wakes_for_and_brings_the_rest_along() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Patient with tasks").await;
    let here = Modern::with_tasks(installation.url(), agent.key());
    let link = agent.link(json!({"welcome_message": "Hello!"})).await;
    let begin = async || here.begins(WAIT, json!({"link_id": link["link_id"], "after": link["next_cursor"]})).await;
    let (before, timed) =
        (begin().await, json!({"link_id": link["link_id"], "after": link["next_cursor"], "timeout_seconds": 3}));
    let timed = here.begins(WAIT, timed).await;
    let chatter = installation.visitor().enter(&link).await;
    // Nobody need greet who was greeted: neither what waited before wakes, nor what begins to wait now.
    let after = begin().await;
    let over = |task: Value| {
        let here = &here;
        async move {
            let told =
                until("the end of a task", async || Some(here.looks(&task).await).filter(|task| task["status"] != "working"));
            told.await["result"]["structuredContent"].clone()
        }
    };
    let kinds = |told: &Value| -> Vec<String> {
        told["events"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    };
    let passed = over(timed).await;
    assert_eq!((kinds(&passed), &passed["timed_out"]), (vec!["session_started".to_owned()], &json!(false)), "{passed}");
    assert_eq!(here.looks(&before).await["status"], "working");
    chatter.say("Good morning").await;
    for task in [before, after] {
        assert_eq!(kinds(&over(task).await), ["session_started", "message"]);
    }
}

#[tokio::test]
async fn what_a_list_of_calls_is_about_to_be_told_is_not_read_yet() {
    let scene = Scene::open().await;
    scene.chatter.say("Wait").await;
    let call = |id: u32, tool: &str, more: Value| {
        let mut arguments = json!({"session_id": scene.chatter.session});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})
    };
    let list = json!([call(1, WAIT, json!({"timeout_seconds": 0})), call(2, SEND, json!({"text": "Done"}))]);
    let visitor = Installation::shared().visitor();
    let request = visitor.request(Method::POST, "/mcp").header("mcp-protocol-version", "2025-03-26");
    let answers = send(request.bearer_auth(scene.agent.key()).json(&list)).await.expect(200);
    assert_eq!(texts(&answers[0]["result"]["structuredContent"]).last(), Some(&"Wait"), "{answers}");
    is_held(&answers[1]["result"]["structuredContent"], 1);
    // Now it is.
    assert!(scene.call(SEND, json!({"text": "I wait"})).await["sent"]["event_id"].is_string());
    assert_eq!(scene.said().await, ["I wait"]);
}
