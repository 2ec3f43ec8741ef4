//! The life of a question, from the agent's tools to the person's page: it is closed once, and everybody is told how.

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Chatter, Installation, uuid};

struct Scene {
    agent: Agent,
    link: Value,
    chatter: Chatter,
}

impl Scene {
    async fn open() -> Self {
        let installation = Installation::shared();
        let agent = installation.agent().await;
        let link = agent.link(json!({})).await;
        let chatter = installation.visitor().enter(&link).await;
        Self { agent, link, chatter }
    }

    /// Asks whether a van is to be booked, whatever the person has said meanwhile; `more` says on which terms.
    async fn ask(&self, more: Value) -> Value {
        let mut question = json!({
            "session_id": self.chatter.session,
            "even_if_unread": true,
            "fields": [
                {"key": "ok", "label": "Book the van?", "type": "yes_no"},
                {"key": "note", "label": "Anything else?", "type": "text", "required": false},
            ],
        });
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.agent.ask("temp_chat_ask", question).await
    }

    async fn withdraw(&self, question: &Value) -> Value {
        let arguments = json!({"session_id": self.chatter.session, "question_id": question, "reason": "The van is sold."});
        self.agent.ask("temp_chat_withdraw_question", arguments).await
    }

    fn answer(question: &Value, values: &Value) -> Value {
        json!({"client_message_id": uuid(), "question_id": question, "values": values})
    }

    /// What the person's client is told of closings, in order.
    async fn closings(&self) -> Vec<Value> {
        let page = self.chatter.get("/messages?limit=100").await.expect(200);
        let events = page["events"].as_array().unwrap().iter();
        events.filter(|event| event["type"] == "question_closed").map(|event| event["data"].clone()).collect()
    }

    async fn hear(&self, after: &Value) -> Value {
        self.agent.hear(json!({"session_id": self.chatter.session, "after": after["next_cursor"]})).await
    }
}

fn id(asked: &Value) -> Value {
    asked["sent"]["question_id"].clone()
}

fn kinds(heard: &Value) -> Vec<&str> {
    heard["events"].as_array().unwrap().iter().filter_map(|event| event["type"].as_str()).collect()
}

#[tokio::test]
async fn the_first_complete_answer_is_final_unless_the_agent_says_otherwise() {
    let scene = Scene::open().await;
    let asked = scene.ask(json!({})).await;
    let question = id(&asked);
    scene.chatter.post("/answers", &Scene::answer(&question, &json!({"note": "Hm"}))).await.expect(201);
    let last = Scene::answer(&question, &json!({"ok": true}));
    let answered = scene.chatter.post("/answers", &last).await.expect(201)["event"].clone();
    assert_eq!((&answered["type"], &answered["data"]["missing"]), (&json!("answer"), &json!([])));
    // The same once more is the same; anything else comes too late.
    assert_eq!(scene.chatter.post("/answers", &last).await.expect(200)["event"]["id"], answered["id"]);
    scene.chatter.post("/answers", &Scene::answer(&question, &json!({"ok": false}))).await.refused(409, "question_closed");
    assert_eq!(scene.closings().await, [json!({"question_id": question, "why": "answered"})]);
    let heard = scene.hear(&asked).await;
    assert_eq!(kinds(&heard), ["answer", "answer", "question_closed"]);
    assert_eq!(heard["open_sessions"][0]["open_fields"], 0);
    // An agent that takes it back learns that it was answered.
    let withdraw = json!({"session_id": scene.chatter.session, "question_id": question});
    let told = scene.agent.is_refused("temp_chat_withdraw_question", withdraw).await;
    assert!(told.starts_with("question_closed: ") && told.contains("temp_chat_read_messages"), "{told}");
    scene.agent.say(&scene.chatter.session, "Booked.").await;
    assert_eq!(scene.closings().await.len(), 1);
}

#[tokio::test]
async fn what_may_be_changed_is_closed_by_the_agents_next_word_which_says_so() {
    let scene = Scene::open().await;
    let question = id(&scene.ask(json!({"final": "false"})).await);
    for ok in [true, false] {
        scene.chatter.post("/answers", &Scene::answer(&question, &json!({"ok": ok}))).await.expect(201);
    }
    assert_eq!(scene.closings().await, [Value::Null; 0]);
    scene.agent.say(&scene.chatter.session, "Then not.").await;
    assert_eq!(scene.closings().await, [json!({"question_id": question, "why": "answered"})]);
    scene.chatter.post("/answers", &Scene::answer(&question, &json!({"ok": true}))).await.refused(409, "question_closed");
}

#[tokio::test]
async fn a_question_is_replaced_taken_back_and_shut_by_the_end() {
    let scene = Scene::open().await;
    let first = id(&scene.ask(json!({})).await);
    let second = id(&scene.ask(json!({"replaces": first})).await);
    scene.chatter.post("/answers", &Scene::answer(&first, &json!({"ok": true}))).await.refused(409, "question_closed");
    let withdrawn = scene.withdraw(&second).await;
    assert_eq!((&withdrawn["sent"]["question_id"], &withdrawn["open_sessions"][0]["open_fields"]), (&second, &json!(0)));
    let again = scene.withdraw(&second).await;
    assert_eq!((&again["sent"]["event_id"], &again["sent"]["replayed"]), (&withdrawn["sent"]["event_id"], &json!(true)));
    let third = id(&scene.ask(json!({})).await);
    let unknown = json!({"session_id": scene.chatter.session, "question_id": "qst_nothing"});
    assert!(scene.agent.is_refused("temp_chat_withdraw_question", unknown).await.starts_with("question_unknown: "));
    scene.agent.ask("temp_chat_end_session", json!({"session_id": scene.chatter.session})).await;
    let told = [
        json!({"question_id": first, "why": "replaced", "replaced_by": second}),
        json!({"question_id": second, "why": "withdrawn", "reason": "The van is sold."}),
        json!({"question_id": third, "why": "session_ended"}),
    ];
    assert_eq!(scene.closings().await, told);
    let transcript = json!({"session_id": scene.chatter.session, "format": "markdown"});
    let transcript = scene.agent.ask("temp_chat_read_messages", transcript).await.to_string();
    assert!(
        transcript.contains("The question was replaced by another.") && transcript.contains("The van is sold."),
        "{transcript}"
    );
}

#[tokio::test]
async fn silence_means_what_was_announced() {
    let scene = Scene::open().await;
    let asked = scene.ask(json!({"answer_within_minutes": 0.02, "if_silent": {"ok": false}})).await;
    let question = id(&asked);
    let page = scene.chatter.get("/messages?limit=100").await.expect(200);
    let shown = page["events"].as_array().unwrap().iter().find(|event| event["type"] == "question").unwrap();
    assert_eq!((&shown["data"]["final"], &shown["data"]["if_silent"]), (&json!(true), &json!({"ok": false})));
    assert!(
        shown["data"]["answer_by"].is_string() && shown["data"]["text"].as_str().unwrap().contains("Book the van?: no"),
        "{shown}"
    );
    let heard = scene.hear(&asked).await;
    assert_eq!(heard["events"][0]["data"], json!({"question_id": question, "why": "timed_out", "values": {"ok": false}}));
    assert_eq!(heard["suggested_next"], "reply");
    scene.chatter.post("/answers", &Scene::answer(&question, &json!({"ok": true}))).await.refused(409, "question_closed");
    let listed = json!({"link_id": scene.link["link_id"], "include": ["answers"]});
    let answers = scene.agent.ask("temp_chat_list_sessions", listed).await["items"][0]["answers"].clone();
    assert_eq!(
        (&answers[0]["values"], &answers[0]["closed"], &answers[0]["untrusted"]),
        (&json!({"ok": false}), &json!("timed_out"), &json!(false))
    );
    for (format, words) in [("txt", "As announced, this counts:"), ("html", "As announced, this counts:"), ("json", "timed_out")]
    {
        let written = scene.chatter.request(http::Method::GET, &format!("/transcript?format={format}"));
        let written = written.send().await.unwrap().text().await.unwrap();
        assert!(written.contains(words), "{format}: {written}");
    }
}

#[tokio::test]
async fn a_word_of_the_persons_makes_silence_mean_nothing() {
    let scene = Scene::open().await;
    let asked = scene.ask(json!({"answer_within_minutes": 0.04, "if_silent": {"ok": true}})).await;
    scene.chatter.say("Wait, do not book it!").await;
    let mut cursor = asked;
    let closed = loop {
        let heard = scene.hear(&cursor).await;
        if let Some(closed) = heard["events"].as_array().unwrap().iter().find(|event| event["type"] == "question_closed") {
            break closed["data"].clone();
        }
        cursor = heard;
    };
    assert_eq!((&closed["why"], closed.get("values")), (&json!("timed_out"), None));
}

#[tokio::test]
async fn what_silence_means_is_held_to_the_form() {
    let scene = Scene::open().await;
    let wrong = async |more: Value| {
        let mut question =
            json!({"session_id": scene.chatter.session, "fields": [{"key": "ok", "label": "OK?", "type": "yes_no"}]});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.agent.is_refused("temp_chat_ask", question).await
    };
    let told = wrong(json!({"answer_within_minutes": 5, "if_silent": {"ok": "no"}})).await;
    assert!(told.starts_with("question_invalid: if_silent.ok: This must be true or false."), "{told}");
    let told = wrong(json!({"if_silent": {"ok": false}})).await;
    assert!(told.starts_with("question_invalid: if_silent counts only after answer_within_minutes."), "{told}");
    assert!(wrong(json!({"answer_within_minutes": 43_201})).await.starts_with("setting_out_of_range: answer_within_minutes"));
    assert!(wrong(json!({"replaces": "qst_nothing"})).await.starts_with("question_unknown: "));
}

/// A person at a browser and their agent.
async fn at_a_browser() -> (Agent, Browser, String) {
    let agent = Installation::shared().agent().await;
    let link = agent.link(json!({"agent_name": "Van Hire"})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    (agent, browser, session)
}

fn note(session: &str) -> Value {
    let field = json!({"key": "note", "label": "What else?", "type": "text"});
    json!({"session_id": session, "intro": "Before we come", "fields": [field]})
}

#[tokio::test]
async fn a_form_that_is_being_filled_in_is_not_shut_without_a_word() {
    let (agent, browser, session) = at_a_browser().await;
    let question = agent.ask("temp_chat_ask", note(&session)).await["sent"]["question_id"].clone();
    browser.shows(".card .terms", "A complete answer is final.").await;
    browser.type_into(".card textarea", "Mind the dog, it is").await;
    let other = json!({"session_id": session, "replaces": question, "fields": [{"key": "ok", "label": "Is there a dog?", "type": "yes_no"}]});
    agent.ask("temp_chat_ask", other).await;
    browser.shows(".card:first-of-type .closing", "Van Hire has replaced this question by another.").await;
    browser.shows(".card .unsent .words", "Mind the dog, it is").await;
    assert_eq!(browser.count(".card:first-of-type textarea").await, 0);
    // It outlives the page, until it is removed.
    browser.reload().await;
    browser.shows(".card .unsent .words", "Mind the dog, it is").await;
    browser.click(".card .unsent .actions button:last-child").await;
    assert_eq!(browser.count(".unsent").await, 0);
    browser.click(".card:last-child .option:nth-child(1)").await;
    browser.shows(".card:last-child .closing", "This question is closed.").await;
    assert_eq!(browser.count(".card .text-button").await, 0);
    browser.close().await;
}

#[tokio::test]
async fn a_deadline_and_what_silence_means_are_told_beforehand() {
    let (agent, browser, session) = at_a_browser().await;
    let mut question = note(&session);
    question["answer_within_minutes"] = json!(0.1);
    question["if_silent"] = json!({"note": "Nothing"});
    agent.ask("temp_chat_ask", question).await;
    browser.shows(".card .deadline", "Time left: 1 minute.").await;
    browser.shows(".card .terms", "If you write nothing at all by then, this counts:").await;
    browser.shows(".card .terms .answers", "Nothing").await;
    browser.shows(".card .closing", "As announced, this counts now:").await;
    assert_eq!(browser.count(".card form").await, 0);

    let mut question = note(&session);
    question["answer_within_minutes"] = json!(30);
    question["if_silent"] = json!({"note": "Nothing"});
    let asked = agent.ask("temp_chat_ask", question).await;
    browser.find(".card:last-child textarea").await;
    browser.type_into(".card:last-child textarea", "A draft").await;
    browser.type_into("#message", "One moment\u{e007}").await;
    browser.shows(".card:last-of-type .terms", "nothing is decided by silence").await;
    // Whoever fills it in was not disturbed.
    assert_eq!(browser.run("return document.querySelector('.card textarea').value").await, "A draft");
    let withdraw = json!({"session_id": session, "question_id": asked["sent"]["question_id"], "reason": "All is clear.", "even_if_unread": true});
    agent.ask("temp_chat_withdraw_question", withdraw).await;
    browser.shows(".card .closing", "Van Hire has taken this question back.").await;
    browser.shows(".card .closing", "All is clear.").await;
    browser.shows(".card .unsent .words", "A draft").await;
    browser.close().await;
}
