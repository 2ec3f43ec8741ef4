//! Decisions: an exact payload, one verdict, and a receipt that others verify.

mod at_a_phone;
mod receipts;

use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Installation, uuid};

pub(crate) const REQUEST: &str = "temp_chat_request_decision";

struct Scene {
    agent: Agent,
    chatter: Chatter,
}

impl Scene {
    async fn open() -> Self {
        let installation = Installation::shared();
        let agent = installation.agent().await;
        let link = agent.link(json!({})).await;
        let chatter = installation.visitor().enter(&link).await;
        Self { agent, chatter }
    }

    /// Requests a decision whatever the person has said meanwhile; `more` says on what, and how.
    async fn request(&self, more: Value) -> Value {
        let mut wish = json!({
            "session_id": self.chatter.session, "even_if_unread": true,
            "subject": "Order chairs", "payload": {"seats": 3, "from": "Möbel\u{200b}haus"},
        });
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.agent.ask(REQUEST, wish).await
    }

    fn verdict(asked: &Value, more: &Value) -> Value {
        let mut verdict = json!({"client_message_id": uuid(), "question_id": asked["sent"]["question_id"]});
        verdict.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        verdict
    }

    async fn decide(&self, asked: &Value, more: Value) -> Value {
        self.chatter.post("/decisions", &Self::verdict(asked, &more)).await.expect(201)["event"].clone()
    }

    async fn is_not_taken(&self, asked: &Value, more: Value, status: u16, code: &str) {
        self.chatter.post("/decisions", &Self::verdict(asked, &more)).await.refused(status, code);
    }

    async fn hear(&self, after: &Value) -> Value {
        self.agent.hear(json!({"session_id": self.chatter.session, "after": after["next_cursor"]})).await
    }

    /// Returns what the person's client is told of a kind, in order.
    async fn told(&self, kind: &str) -> Vec<Value> {
        let page = self.chatter.get("/messages?limit=100").await.expect(200);
        let events = page["events"].as_array().unwrap().iter();
        events.filter(|event| event["type"] == kind).map(|event| event["data"].clone()).collect()
    }
}

fn kinds(heard: &Value) -> Vec<&str> {
    heard["events"].as_array().unwrap().iter().filter_map(|event| event["type"].as_str()).collect()
}

#[tokio::test]
async fn what_is_approved_is_exactly_what_was_shown() {
    let scene = Scene::open().await;
    let asked = scene.request(json!({})).await;
    let shown = scene.told("question").await.remove(0);
    // RFC 8785: names in order, no blanks, every letter as it is, hidden ones too.
    let canonical = "{\"from\":\"Möbel\u{200b}haus\",\"seats\":3}";
    assert_eq!(
        (&shown["payload"], &shown["format"], &shown["subject"]),
        (&json!(canonical), &json!("json"), &json!("Order chairs"))
    );
    assert_eq!((&shown["allow"], &shown["fields"], &shown["final"]), (&json!(["approve", "reject"]), &json!([]), &json!(true)));
    let sha256 = shown["payload_sha256"].clone();
    let event = scene.decide(&asked, json!({"verdict": "approve"})).await;
    assert_eq!((&event["type"], &event["data"]["verdict"]), (&json!("decision"), &json!("approved")));
    let heard = scene.hear(&asked).await;
    assert_eq!((kinds(&heard), &heard["suggested_next"]), (vec!["decision", "question_closed"], &json!("reply")));
    let decision = &heard["events"][0]["data"];
    assert_eq!((&decision["verdict"], &decision["payload_sha256"]), (&json!("approved"), &sha256));
    assert!(decision["receipt_id"].as_str().unwrap().starts_with("rcp_"), "{decision}");
    assert_eq!((decision.get("edited"), decision.get("reason"), decision.get("note")), (None, None, None));
    assert_eq!(heard["events"][1]["data"], json!({"question_id": asked["sent"]["question_id"], "why": "answered"}));
    let transcript = json!({"session_id": scene.chatter.session, "format": "markdown"});
    let transcript = scene.agent.ask("temp_chat_read_messages", transcript).await.to_string();
    assert!(transcript.contains("(approved)") && transcript.contains("Order chairs"), "{transcript}");
}

#[tokio::test]
async fn a_no_has_its_reason_an_edit_its_payload_and_an_answer_its_words() {
    let scene = Scene::open().await;
    let all = json!({"allow": ["approve", "reject", "edit", "respond"]});
    let asked = scene.request(all.clone()).await;
    // What does not belong to a choice, or is missing, is told by its name; nothing is decided by it.
    for (wrong, key) in [
        (json!({"verdict": "approve", "reason": "but only two"}), "reason"),
        (json!({"verdict": "approve", "edited": {"seats": 2}}), "edited"),
        (json!({"verdict": "edit"}), "edited"),
        (json!({"verdict": "edit", "edited": "two"}), "edited"),
        (json!({"verdict": "respond"}), "reason"),
        (json!({"verdict": "respond", "reason": "x".repeat(2_001)}), "reason"),
    ] {
        let answer = scene.chatter.post("/decisions", &Scene::verdict(&asked, &wrong)).await;
        let problem = answer.refused(422, "answer_invalid");
        assert_eq!(problem["errors"][0]["key"], key, "{wrong}: {problem}");
    }
    scene.decide(&asked, json!({"verdict": "reject", "reason": "Too \u{202e}dear"})).await;
    let heard = scene.hear(&asked).await;
    let decision = &heard["events"][0]["data"];
    assert_eq!(
        (&decision["verdict"], &decision["reason"], &decision["untrusted"]),
        (&json!("rejected"), &json!("Too \u{fffd}dear"), &json!(true))
    );

    let asked = scene.request(all.clone()).await;
    scene.decide(&asked, json!({"verdict": "edit", "edited": {"seats": 2}})).await;
    let heard = scene.hear(&asked).await;
    let decision = &heard["events"][0]["data"];
    assert_eq!((&decision["verdict"], &decision["edited"]), (&json!("edited"), &json!({"seats": 2})));
    assert!(decision["note"].as_str().unwrap().contains("do not repeat the original"), "{decision}");

    let asked = scene.request(all).await;
    scene.decide(&asked, json!({"verdict": "respond", "reason": "Which colour?"})).await;
    let decision = scene.hear(&asked).await["events"][0]["data"].clone();
    assert_eq!((&decision["verdict"], &decision["reason"]), (&json!("responded"), &json!("Which colour?")));
}

#[tokio::test]
async fn silence_is_no_approval() {
    let scene = Scene::open().await;
    let asked = scene.request(json!({"answer_within_minutes": 0.02})).await;
    let heard = scene.hear(&asked).await;
    assert_eq!((kinds(&heard), &heard["suggested_next"]), (vec!["decision", "question_closed"], &json!("reply")));
    let decision = &heard["events"][0]["data"];
    assert_eq!((&decision["verdict"], decision.get("by"), decision.get("untrusted")), (&json!("timed_out"), None, None));
    assert!(decision["note"].as_str().unwrap().contains("no approval"), "{decision}");
    scene.is_not_taken(&asked, json!({"verdict": "approve"}), 409, "question_closed").await;
}

#[tokio::test]
async fn of_two_devices_one_decides_and_whoever_repeats_gets_the_first_answer() {
    let scene = Scene::open().await;
    let asked = scene.request(json!({})).await;
    let (yes, no) =
        (Scene::verdict(&asked, &json!({"verdict": "approve"})), Scene::verdict(&asked, &json!({"verdict": "reject"})));
    let (one, other) = tokio::join!(scene.chatter.post("/decisions", &yes), scene.chatter.post("/decisions", &no));
    let statuses = [one.status.as_u16(), other.status.as_u16()];
    assert!(statuses == [201, 409] || statuses == [409, 201], "{statuses:?}");
    let first = if statuses[0] == 201 { &yes } else { &no };
    let verdicts = scene.told("decision").await;
    assert_eq!((verdicts.len(), scene.told("question_closed").await.len()), (1, 1), "{verdicts:?}");
    // The very same once more is the same; with another verdict it is another use of the id.
    let again = scene.chatter.post("/decisions", first).await.expect(200);
    assert_eq!(again["event"]["data"]["verdict"], verdicts[0]["verdict"]);
    let mut otherwise = first.clone();
    otherwise["verdict"] = json!(if first["verdict"] == "approve" { "reject" } else { "approve" });
    scene.chatter.post("/decisions", &otherwise).await.refused(409, "id_reused");
}

#[tokio::test]
async fn nothing_is_said_past_a_verdict_and_no_decision_is_requested_past_a_word() {
    let scene = Scene::open().await;
    let session = json!(scene.chatter.session);
    let asked = scene.request(json!({})).await;
    scene.decide(&asked, json!({"verdict": "reject"})).await;
    let say = json!({"session_id": session, "text": "Ordered!", "after": asked["next_cursor"]});
    let held = scene.agent.ask("temp_chat_send_message", say).await;
    assert_eq!((&held["held"]["unread"], kinds(&held)[0]), (&json!(1), "decision"), "{held}");
    scene.chatter.say("Wait, do not!").await;
    let wish = json!({"session_id": session, "subject": "Again", "payload": "x", "after": held["next_cursor"]});
    let held = scene.agent.ask(REQUEST, wish).await;
    assert_eq!((&held["held"]["unread"], held.get("sent")), (&json!(1), None), "{held}");
    assert_eq!(scene.told("question").await.len(), 1);
}

#[tokio::test]
async fn a_decision_is_taken_back_replaced_and_shut_like_any_question() {
    let scene = Scene::open().await;
    let session = json!(scene.chatter.session);
    let asked = scene.request(json!({})).await;
    let withdraw = json!({"session_id": session, "question_id": asked["sent"]["question_id"]});
    scene.agent.ask("temp_chat_withdraw_question", withdraw).await;
    scene.is_not_taken(&asked, json!({"verdict": "approve"}), 409, "question_closed").await;
    let asked = scene.request(json!({})).await;
    let fields = json!([{"key": "ok", "label": "How many?", "type": "number"}]);
    let ask = json!({"session_id": session, "fields": fields, "replaces": asked["sent"]["question_id"]});
    let form = scene.agent.ask("temp_chat_ask", ask).await;
    scene.is_not_taken(&asked, json!({"verdict": "approve"}), 409, "question_closed").await;
    // A form takes no verdict, and a decision no values.
    scene.is_not_taken(&form, json!({"verdict": "approve"}), 422, "answer_invalid").await;
    let asked = scene.request(json!({})).await;
    let values = json!({"client_message_id": uuid(), "question_id": asked["sent"]["question_id"], "values": {"ok": true}});
    scene.chatter.post("/answers", &values).await.refused(422, "answer_invalid");
    scene.is_not_taken(&asked, json!({"verdict": "edit", "edited": {"seats": 1}}), 422, "answer_invalid").await;
    scene.agent.ask("temp_chat_end_session", json!({"session_id": session})).await;
    assert_eq!(scene.told("decision").await, [Value::Null; 0]);
    let why: Vec<_> = scene.told("question_closed").await.into_iter().map(|closed| closed["why"].clone()).collect();
    // The form was open too.
    assert_eq!(why, ["withdrawn", "replaced", "session_ended", "session_ended"]);
}

#[tokio::test]
async fn a_wish_that_cannot_be_shown_exactly_is_refused_with_what_to_do() {
    let scene = Scene::open().await;
    let refused = async |more: Value| {
        let mut wish = json!({"session_id": scene.chatter.session, "subject": "s", "payload": "p"});
        wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.agent.is_refused(REQUEST, wish).await
    };
    let told = refused(json!({"payload": {"iban": 9_007_199_254_740_993_u64}})).await;
    assert!(
        told.starts_with("question_invalid: payload: JSON does not hold 9007199254740993 exactly: give it as a text."),
        "{told}"
    );
    let told = refused(json!({"payload": "x".repeat(8_001)})).await;
    assert!(told.contains("A payload has at most 8000 characters, not 8001."), "{told}");
    assert!(refused(json!({"payload": " \u{200b}"})).await.starts_with("question_invalid: payload"));
    let told = refused(json!({"allow": ["approve", "maybe"]})).await;
    assert!(told.contains("allow has approve, reject, edit, respond, and not maybe."), "{told}");
    assert!(refused(json!({"link_id": "lnk_x"})).await.starts_with("invalid_request: There is no argument link_id."));
    assert!(refused(json!({"answer_within_minutes": 43_201})).await.starts_with("setting_out_of_range: answer_within_minutes"));
    // The longest there is is shown whole.
    let payload = "w".repeat(8_000);
    scene.request(json!({"payload": payload})).await;
    assert_eq!(scene.told("question").await[0]["payload"], payload);
}
