//! Nothing is said past unread words: a person and an agent speak at once, and neither is talked over.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Agent, Chatter, Installation, until, uuid};

mod purchase;
mod terms;

const WAIT: &str = "temp_chat_wait_for_messages";
const SEND: &str = "temp_chat_send_message";
const ASK: &str = "temp_chat_ask";
const WITHDRAW: &str = "temp_chat_withdraw_question";
const END: &str = "temp_chat_end_session";

struct Scene {
    agent: Agent,
    link: Value,
    chatter: Chatter,
}

impl Scene {
    async fn open() -> Self {
        Self::of(Installation::shared().another_agent("Listener").await).await
    }

    async fn of(agent: Agent) -> Self {
        let link = agent.link(json!({"welcome_message": "Hello!"})).await;
        let chatter = Installation::shared().visitor().enter(&link).await;
        Self { agent, link, chatter }
    }

    /// Calls a tool about the session.
    async fn call(&self, tool: &'static str, more: Value) -> Value {
        self.call_as(&self.agent, tool, more).await
    }

    async fn call_as(&self, agent: &Agent, tool: &'static str, more: Value) -> Value {
        let mut arguments = json!({"session_id": self.chatter.session});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        agent.ask(tool, arguments).await
    }

    /// Looks at what there is, and returns the cursor behind it.
    async fn reads(&self) -> Value {
        self.call(WAIT, json!({"timeout_seconds": 0})).await["next_cursor"].clone()
    }

    async fn asks(&self, fields: Value) -> Value {
        self.call(ASK, json!({"fields": fields, "final": false})).await
    }

    async fn answers(&self, question: &Value, values: Value) {
        let body = json!({"client_message_id": uuid(), "question_id": question, "values": values});
        self.chatter.post("/answers", &body).await.expect(201);
    }

    /// What the agent has said, the welcome apart.
    async fn said(&self) -> Vec<String> {
        let words = self.chatter.words().await;
        words.into_iter().filter(|(from, _)| from == "agent").map(|(_, text)| text).skip(1).collect()
    }
}

fn texts(result: &Value) -> Vec<&str> {
    result["events"].as_array().unwrap().iter().filter_map(|event| event["data"]["text"].as_str()).collect()
}

#[track_caller]
fn is_held(result: &Value, unread: u32) {
    assert_eq!((&result["held"]["unread"], result.get("sent")), (&json!(unread), None), "{result}");
    assert_eq!(result["suggested_next"], "reply", "{result}");
}

#[tokio::test]
async fn an_answer_that_was_changed_to_no_is_read_before_anything_is_approved() {
    let scene = Scene::open().await;
    let asked = scene.asks(json!([{"key": "ok", "label": "Shall I pay?", "type": "yes_no"}])).await;
    let question = &asked["sent"]["question_id"];
    scene.answers(question, json!({"ok": true})).await;
    let heard = scene.agent.hear(json!({"session_id": scene.chatter.session, "after": asked["next_cursor"]})).await;
    assert_eq!(heard["events"][0]["data"]["values"], json!({"ok": true}));

    // While the model thinks, the person thinks better of it.
    scene.answers(question, json!({"ok": false})).await;
    let approve = json!({"text": "Approved and paid.", "after": heard["next_cursor"], "idempotency_key": "approve"});
    let held = scene.call(SEND, approve.clone()).await;
    is_held(&held, 1);
    assert_eq!(held["events"][0]["data"]["values"], json!({"ok": false}));
    assert_eq!(held["held"].get("hint"), None);
    assert_eq!(scene.said().await, Vec::<String>::new());
    // Again with what it knew then: held again, and told what else there is.
    let again = scene.call(SEND, approve).await;
    is_held(&again, 1);
    assert!(again["held"]["hint"].as_str().unwrap().contains("even_if_unread"), "{again}");

    // The key of what was held is free for what is said instead.
    let instead = json!({"text": "Then I do not pay.", "after": held["next_cursor"], "idempotency_key": "approve"});
    let sent = scene.call(SEND, instead).await;
    assert_eq!((sent.get("held"), &sent["sent"]["replayed"]), (None, &json!(false)));
    assert_eq!(scene.said().await, ["Then I do not pay."]);
}

#[tokio::test]
async fn a_chat_is_not_ended_past_a_word_that_was_not_read() {
    let scene = Scene::open().await;
    scene.chatter.say("Please delete it").await;
    let after = scene.reads().await;
    scene.chatter.say("Wait, do not do it!").await;
    let held = scene.call(END, json!({"farewell": "It is deleted. Goodbye!", "after": after})).await;
    is_held(&held, 1);
    assert_eq!(texts(&held), ["Wait, do not do it!"]);
    assert_eq!((scene.chatter.look().await["status"].clone(), scene.said().await.len()), (json!("active"), 0));
    let ended = scene.call(END, json!({"farewell": "I have not. Goodbye!", "after": held["next_cursor"]})).await;
    assert_eq!(ended["status"], "ended");
    assert_eq!(scene.said().await, ["I have not. Goodbye!"]);
}

#[tokio::test]
async fn whoever_means_it_all_the_same_says_so() {
    let scene = Scene::open().await;
    scene.chatter.say("Wait").await;
    is_held(&scene.call(SEND, json!({"text": "One"})).await, 1);
    scene.chatter.say("Please").await;
    let asked = json!({"fields": [{"key": "ok", "label": "OK?", "type": "yes_no"}]});
    is_held(&scene.asks(asked["fields"].clone()).await, 1);
    scene.chatter.say("Really").await;
    let mut all_the_same = asked.clone();
    all_the_same["even_if_unread"] = json!(true);
    assert!(scene.call(ASK, all_the_same).await["sent"]["question_id"].is_string());
    scene.call(SEND, json!({"text": "Two", "even_if_unread": true})).await;
    scene.chatter.say("Stop").await;
    assert_eq!(scene.call(END, json!({"even_if_unread": true})).await["status"], "ended");
    assert_eq!(scene.said().await, ["Two"]);
}

#[tokio::test]
async fn a_block_an_erasure_and_a_revocation_are_never_held() {
    for (tool, end) in [(END, json!({"block": true})), ("temp_chat_erase_session", json!({}))] {
        let scene = Scene::open().await;
        scene.chatter.say("Unread").await;
        assert_eq!(scene.call(tool, end).await.get("held"), None, "{tool}");
    }
    let scene = Scene::open().await;
    scene.chatter.say("Unread").await;
    scene.agent.ask("temp_chat_revoke_link", json!({"link_id": scene.link["link_id"], "farewell": "Bye"})).await;
    until("the chat has ended with its link", async || (scene.chatter.look().await["status"] == "ended").then_some(())).await;
}

#[tokio::test]
async fn what_one_key_has_read_another_has_not() {
    let scene = Scene::open().await;
    let installation = Installation::shared();
    let id = scene.agent.id();
    let issued = installation.json(&["agent", "key", "issue", &id, "--name", "second"]).remove(0);
    let second = Agent::connect(installation.url(), issued["key"].as_str().unwrap()).await;
    scene.chatter.say("Who is there?").await;
    scene.reads().await;
    // Without after: what this gateway has given to the key counts.
    let held = scene.call_as(&second, SEND, json!({"text": "Me"})).await;
    is_held(&held, 1);
    assert_eq!(texts(&held), ["Who is there?"]);
    assert!(scene.call(SEND, json!({"text": "I am"})).await["sent"]["event_id"].is_string());
    // What it was held for, it has been given with that.
    assert!(scene.call_as(&second, SEND, json!({"text": "Me too"})).await["sent"]["event_id"].is_string());
    assert_eq!(scene.said().await, ["I am", "Me too"]);
}

#[tokio::test]
async fn reading_the_history_is_reading_and_reading_its_end_only_is_not() {
    let scene = Scene::open().await;
    for text in ["One", "Two", "Three"] {
        scene.chatter.say(text).await;
    }
    let read = "temp_chat_read_messages";
    assert_eq!(texts(&scene.call(read, json!({"last": 1})).await), ["Three"]);
    is_held(&scene.call(SEND, json!({"text": "Held", "after": scene.link["next_cursor"]})).await, 3);
    let scene = Scene::open().await;
    for text in ["One", "Two", "Three"] {
        scene.chatter.say(text).await;
    }
    scene.call(read, json!({"limit": 3})).await;
    let held = scene.call(SEND, json!({"text": "Held"})).await;
    is_held(&held, 2);
    scene.call(read, json!({"format": "markdown"})).await;
    scene.call(SEND, json!({"text": "Said"})).await;
    assert_eq!(scene.said().await, ["Said"]);
}

#[tokio::test]
async fn a_result_that_was_cut_counts_up_to_its_last_event() {
    let scene = Scene::open().await;
    for text in ["One", "Two", "Three"] {
        scene.chatter.say(text).await;
    }
    // That the person came, the welcome, which is not told, and the first word.
    let part = scene.call(WAIT, json!({"timeout_seconds": 0, "limit": 3})).await;
    assert_eq!((texts(&part), &part["has_more"]), (vec!["One"], &json!(true)));
    is_held(&scene.call(SEND, json!({"text": "Held"})).await, 2);
}

#[tokio::test]
async fn a_repeat_is_the_same_word_though_something_was_said_since() {
    let scene = Scene::open().await;
    let message = json!({"text": "Once", "idempotency_key": "once", "after": scene.reads().await});
    let first = scene.call(SEND, message.clone()).await;
    scene.chatter.say("And?").await;
    let again = scene.call(SEND, message.clone()).await;
    assert_eq!((&again["sent"]["event_id"], &again["sent"]["replayed"]), (&first["sent"]["event_id"], &json!(true)));
    assert_eq!(texts(&again), ["And?"]);
    // A refusal comes before a hold.
    scene.chatter.post("/end", &json!({})).await.expect(200);
    let mut more = json!({"session_id": scene.chatter.session, "text": "More", "after": message["after"]});
    assert!(scene.agent.is_refused(SEND, more.clone()).await.starts_with("session_ended: "));
    more["text"] = json!("   ");
    assert!(scene.agent.is_refused(SEND, more).await.starts_with("text_empty: "));
}

#[tokio::test]
async fn who_was_greeted_wakes_nobody_and_a_part_of_an_answer_is_no_reply() {
    let agent = Installation::shared().another_agent("Patient").await;
    let greeted = agent.link(json!({"welcome_message": "Hello!", "max_sessions_at_once": 2})).await;
    let wait = json!({"link_id": greeted["link_id"], "after": greeted["next_cursor"], "timeout_seconds": 40});
    let speaks = async {
        let chatter = Installation::shared().visitor().enter(&greeted).await;
        until("the agent listens", async || (chatter.look().await["agent_state"] == "listening").then_some(())).await;
        chatter.say("Good morning").await;
    };
    let (woken, ()) = tokio::join!(agent.ask(WAIT, wait), speaks);
    assert_eq!(texts(&woken).last(), Some(&"Good morning"), "{woken}");
    assert_eq!(woken["events"][0]["type"], "session_started", "what did not wake comes along");

    // Where nobody else greets, the agent does.
    let plain = agent.link(json!({})).await;
    let wait = json!({"link_id": plain["link_id"], "after": plain["next_cursor"], "timeout_seconds": 40});
    let visitor = Installation::shared().visitor();
    let (woken, chatter) = tokio::join!(agent.ask(WAIT, wait), visitor.enter(&plain));
    assert_eq!(woken["events"][0]["type"], "session_started");

    let fields = json!([{"key": "a", "label": "A?", "type": "yes_no"}, {"key": "b", "label": "B?", "type": "yes_no"}]);
    let ask = json!({"session_id": chatter.session, "fields": fields, "after": woken["next_cursor"]});
    let asked = agent.ask(ASK, ask).await;
    let answer = async |values: Value| {
        let question = &asked["sent"]["question_id"];
        let body = json!({"client_message_id": uuid(), "question_id": question, "values": values});
        chatter.post("/answers", &body).await.expect(201);
    };
    answer(json!({"a": true})).await;
    let look = json!({"session_id": chatter.session, "after": asked["next_cursor"], "timeout_seconds": 0});
    let part = agent.ask(WAIT, look.clone()).await;
    assert_eq!((&part["events"][0]["data"]["missing"], &part["suggested_next"]), (&json!(["b"]), &json!("wait_again")));
    let nothing = json!({"session_id": chatter.session, "after": part["next_cursor"], "timeout_seconds": 1});
    assert_eq!(agent.ask(WAIT, nothing).await["suggested_next"], "wait_again", "every time-out after it says so too");
    answer(json!({"b": true})).await;
    assert_eq!(agent.ask(WAIT, look).await["suggested_next"], "reply");
}

#[tokio::test]
async fn one_word_comes_at_once_and_whoever_types_on_is_waited_for_until_they_stop() {
    let scene = Scene::open().await;
    let after = scene.reads().await;
    scene.chatter.say("One").await;
    let types = async |typing: bool| scene.chatter.post("/typing", &json!({"typing": typing})).await.expect(204);
    types(true).await;
    let began = Instant::now();
    let waits = scene.call(WAIT, json!({"after": after, "timeout_seconds": 40}));
    let stops = async {
        // That nothing comes meanwhile has no condition to wait for.
        tokio::time::sleep(Duration::from_secs(1)).await;
        types(false).await;
    };
    let (woken, ()) = tokio::join!(waits, stops);
    assert_eq!(texts(&woken), ["One"]);
    let held = began.elapsed();
    assert!(held >= Duration::from_millis(900) && held < Duration::from_secs(4), "{held:?}");

    let wait = json!({"after": woken["next_cursor"], "timeout_seconds": 40});
    let says = async {
        until("the agent listens", async || (scene.chatter.look().await["agent_state"] == "listening").then_some(())).await;
        let began = Instant::now();
        scene.chatter.say("Two").await;
        began
    };
    let (woken, began) = tokio::join!(scene.call(WAIT, wait), says);
    assert_eq!(texts(&woken), ["Two"]);
    let came_after = began.elapsed();
    assert!(came_after < Duration::from_secs(2), "{came_after:?}");
}
