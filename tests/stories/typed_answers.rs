//! Typed questions: an agent asks, a chatter answers in a form, and typed values come back.

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Chatter, Installation, uuid};

/// A field of every type.
fn fields() -> Value {
    json!([
        {"key": "size", "label": "Which van?", "type": "choice", "options": [{"value": "s", "label": "Small"}, {"value": "l", "label": "Large"}]},
        {"key": "extras", "label": "What else?", "type": "choices", "options": ["boxes", "straps", "help"], "required": false},
        {"key": "agreed", "label": "Do you agree to 80 euros?", "type": "yes_no"},
        {"key": "floor", "label": "Which floor?", "type": "number", "min": 0, "max": 30},
        {"key": "day", "label": "When?", "type": "date", "min": "2026-01-01"},
        {"key": "mail", "label": "Where does the bill go?", "type": "email", "required": false},
        {"key": "note", "label": "Anything else?", "type": "text", "required": false, "max_length": 500},
        {"key": "stars", "label": "How do you like this?", "type": "rating", "required": false},
    ])
}

struct Scene {
    agent: Agent,
    link: Value,
    chatter: Chatter,
}

impl Scene {
    async fn open(settings: Value) -> Self {
        let installation = Installation::shared();
        let agent = installation.agent().await;
        let link = agent.link(settings).await;
        let chatter = installation.visitor().enter(&link).await;
        Self { agent, link, chatter }
    }

    async fn ask(&self, fields: Value) -> Value {
        let arguments = json!({"session_id": self.chatter.session, "fields": fields, "final": false, "even_if_unread": true});
        self.agent.ask("temp_chat_ask", arguments).await
    }

    async fn answer(&self, question: &Value, values: Value) -> Value {
        let body = json!({"client_message_id": uuid(), "question_id": question, "values": values});
        self.chatter.post("/answers", &body).await.expect(201)["event"].clone()
    }

    /// Reads the session as its agent lists it, with answers.
    async fn listed(&self) -> Value {
        let arguments = json!({"link_id": self.link["link_id"], "include": ["answers"]});
        self.agent.ask("temp_chat_list_sessions", arguments).await["items"][0].clone()
    }
}

/// Waits for what comes in a session after an earlier result.
async fn hear(agent: &Agent, session: &Value, after: &Value) -> Value {
    agent.hear(json!({"session_id": session, "after": after["next_cursor"]})).await
}

#[tokio::test]
async fn an_agent_asks_and_gets_typed_values() {
    let scene = Scene::open(json!({})).await;
    let asked = scene.ask(fields()).await;
    assert!(asked["sent"]["event_id"].as_str().unwrap().starts_with("evt_"));
    let question = &asked["sent"]["question_id"];
    assert_eq!(asked["open_sessions"][0]["open_fields"], 8);

    let page = scene.chatter.get("/messages?limit=100").await.expect(200);
    let shown = page["events"].as_array().unwrap().iter().find(|event| event["type"] == "question").unwrap();
    assert_eq!(shown["data"]["question_id"], *question);
    assert_eq!(shown["data"]["fields"][1]["options"][0], json!({"value": "boxes", "label": "boxes"}));
    let text = shown["data"]["text"].as_str().unwrap();
    assert!(text.contains("Which van? (one of: Small / Large)") && text.contains("number, 0 to 30"), "{text}");
    assert_eq!(scene.chatter.look().await["open_fields"], 8);

    let values = json!({"size": "l", "extras": ["help", "boxes"], "agreed": true, "floor": 2, "day": "2026-12-01\u{200e}", "note": "\u{202a}Mind\nthe dog\u{202c} "});
    let event = scene.answer(question, values).await;
    let typed = json!({"size": "l", "extras": ["boxes", "help"], "agreed": true, "floor": 2, "day": "2026-12-01", "note": "Mind\nthe dog"});
    assert_eq!((&event["type"], &event["data"]["values"], &event["data"]["missing"]), (&json!("answer"), &typed, &json!([])));
    assert_eq!(scene.chatter.look().await["open_fields"], 2);

    let heard = hear(&scene.agent, &json!(scene.chatter.session), &asked).await;
    let [answer] = heard["events"].as_array().unwrap().as_slice() else { panic!("{heard}") };
    assert_eq!(answer["id"], event["id"]);
    let data = json!({"question_id": question, "values": typed, "missing": [], "untrusted": true});
    assert_eq!((&answer["type"], &answer["data"]), (&json!("answer"), &data));
    assert_eq!(heard["suggested_next"], "reply");
    assert_eq!(heard["open_sessions"][0]["open_fields"], 2);

    let listed = scene.listed().await;
    let answered = json!([{"question_id": question, "event_id": event["id"], "values": typed, "missing": [], "untrusted": true}]);
    assert_eq!((&listed["answers"], &listed["untrusted"]), (&answered, &json!(true)));
}

#[tokio::test]
async fn asking_can_wait_for_the_answer() {
    let scene = Scene::open(json!({})).await;
    let arguments = json!({"session_id": scene.chatter.session, "fields": [{"key": "ok", "label": "Shall I?", "type": "yes_no"}], "wait_for_reply_seconds": 40, "idempotency_key": "shall-i"});
    // That somebody came would be an answer too.
    scene.agent.wait(&scene.link, None).await;
    let asking = scene.agent.ask("temp_chat_ask", arguments.clone());
    let answering = async {
        let mut stream = scene.chatter.follow(None).await;
        let question = stream.find("question").await["data"]["question_id"].clone();
        scene.answer(&question, json!({"ok": false})).await
    };
    let (asked, event) = tokio::join!(asking, answering);
    assert_eq!(asked["events"][0]["id"], event["id"]);
    assert_eq!(asked["events"][0]["data"]["values"], json!({"ok": false}));

    let mut again = arguments.clone();
    again["wait_for_reply_seconds"] = json!(0);
    let again = scene.agent.ask("temp_chat_ask", again).await;
    assert_eq!((&again["sent"]["event_id"], &again["sent"]["replayed"]), (&asked["sent"]["event_id"], &json!(true)));
    let other = json!({"session_id": scene.chatter.session, "fields": [{"key": "no", "label": "Shan't I?", "type": "yes_no"}], "idempotency_key": "shall-i"});
    assert!(scene.agent.is_refused("temp_chat_ask", other).await.starts_with("id_reused"));
}

#[tokio::test]
async fn answers_add_up_and_may_be_changed_until_the_agent_goes_on() {
    let scene = Scene::open(json!({})).await;
    let question = scene.ask(fields()).await["sent"]["question_id"].clone();
    let part = scene.answer(&question, json!({"size": "s", "mail": "ann@example.org"})).await;
    assert_eq!(part["data"]["missing"], json!(["agreed", "floor", "day"]));
    let rest = scene.answer(&question, json!({"agreed": true, "floor": 0, "day": "2026-05-01"})).await;
    assert_eq!(rest["data"]["missing"], json!([]));
    let changed = scene.answer(&question, json!({"size": "l", "mail": null})).await;
    assert_eq!(changed["data"]["values"], json!({"size": "l", "mail": null}));

    let listed = scene.listed().await;
    let values = json!({"size": "l", "agreed": true, "floor": 0, "day": "2026-05-01"});
    assert_eq!((&listed["answers"][0]["values"], &listed["answers"][0]["event_id"]), (&values, &changed["id"]));
    assert_eq!(listed["open_fields"], 4);

    scene.agent.say(&scene.chatter.session, "Booked.").await;
    let late = json!({"client_message_id": uuid(), "question_id": question, "values": {"size": "s"}});
    scene.chatter.post("/answers", &late).await.refused(409, "question_closed");
    assert_eq!(scene.chatter.look().await["messages_left"], 100);
}

#[tokio::test]
async fn the_same_answer_again_is_the_same_event() {
    let scene = Scene::open(json!({})).await;
    let question = scene.ask(json!([{"key": "ok", "label": "OK?", "type": "yes_no"}])).await["sent"]["question_id"].clone();
    let body = json!({"client_message_id": uuid(), "question_id": question, "values": {"ok": true}});
    let first = scene.chatter.post("/answers", &body).await.expect(201);
    scene.agent.say(&scene.chatter.session, "Thanks.").await;
    assert_eq!(scene.chatter.post("/answers", &body).await.expect(200), first);
    let other = json!({"client_message_id": body["client_message_id"], "question_id": question, "values": {"ok": false}});
    scene.chatter.post("/answers", &other).await.refused(409, "id_reused");
}

#[tokio::test]
async fn what_does_not_fit_is_told_field_by_field() {
    let scene = Scene::open(json!({})).await;
    let question = scene.ask(fields()).await["sent"]["question_id"].clone();
    let values = json!({"size": "xl", "floor": 31, "day": "soon", "stars": "five", "color": "red", "agreed": true});
    let body = json!({"client_message_id": uuid(), "question_id": question, "values": values});
    let problem = scene.chatter.post("/answers", &body).await.refused(422, "answer_invalid");
    let told: Vec<_> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["key"].as_str().unwrap(), error["code"].as_str().unwrap()))
        .collect();
    let expected = [
        ("color", "unknown_field"),
        ("day", "not_a_date"),
        ("floor", "out_of_range"),
        ("size", "not_an_option"),
        ("stars", "wrong_type"),
    ];
    assert_eq!(told, expected);
    let unknown = json!({"client_message_id": uuid(), "question_id": "qst_nothing", "values": {}});
    scene.chatter.post("/answers", &unknown).await.refused(404, "question_unknown");
    // Nothing of it was kept.
    assert_eq!(scene.chatter.look().await["open_fields"], 8);
}

#[tokio::test]
async fn a_question_that_cannot_be_asked_is_told_with_its_place() {
    let scene = Scene::open(json!({})).await;
    let wrong = async |fields: Value| {
        scene.agent.is_refused("temp_chat_ask", json!({"session_id": scene.chatter.session, "fields": fields})).await
    };
    let told = wrong(json!([{"key": "a", "label": "A?", "type": "choice"}])).await;
    assert!(told.starts_with("question_invalid: fields[0].options: "), "{told}");
    let told = wrong(json!([{"key": "a", "label": "A?", "type": "slider"}])).await;
    assert!(told.starts_with("question_invalid: fields[0]: unknown variant `slider`"), "{told}");
    assert!(wrong(json!([])).await.starts_with("setting_out_of_range: fields must have 1 to 8 items"));
    assert!(wrong(json!(["size"])).await.starts_with("invalid_request: fields must be a list of objects"));
}

#[tokio::test]
async fn a_link_asks_everyone_and_counts_the_answers() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let questions = json!([
        {"key": "lunch", "label": "What will you have?", "type": "choice", "options": ["soup", "pie"]},
        {"key": "why", "label": "Why?", "type": "text", "required": false},
    ]);
    let link = agent.link(json!({"max_sessions_at_once": 5, "questions": questions})).await;
    assert_eq!(link["questions"][1], json!({"key": "why", "label": "Why?", "type": "text", "required": false}));
    let question = link["answers"]["question_id"].clone();

    let mut chatters = Vec::new();
    for values in [json!({"lunch": "pie"}), json!({"lunch": "pie", "why": "I like it"}), json!({"why": "Not sure"})] {
        let chatter = installation.visitor().enter(&link).await;
        let asked = chatter.joined["events"].as_array().unwrap().iter().find(|event| event["type"] == "question").unwrap();
        assert_eq!(asked["data"]["question_id"], question);
        let body = json!({"client_message_id": uuid(), "question_id": question, "values": values});
        chatter.post("/answers", &body).await.expect(201);
        chatters.push(chatter);
    }
    chatters.push(installation.visitor().enter(&link).await);

    let shown = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
    let answers = json!({
        "question_id": question,
        "asked": 4,
        "complete": 2,
        "fields": [
            {"key": "lunch", "answered": 2, "values": {"pie": 2, "soup": 0}},
            {"key": "why", "answered": 2},
        ],
    });
    assert_eq!(shown["answers"], answers);
    // What the link asks is the agent's own: it does not wake it.
    let heard = agent.wait(&link, None).await;
    assert!(heard["events"].as_array().unwrap().iter().all(|event| event["type"] != "question"), "{heard}");

    let changed = agent.update(&link, json!({"questions": [{"key": "tea", "label": "Tea?", "type": "yes_no"}]})).await;
    assert_ne!(changed["answers"]["question_id"], question);
    assert_eq!(changed["answers"]["asked"], 0);
    let removed = agent.update(&link, json!({"questions": []})).await;
    assert_eq!((removed.get("questions"), removed.get("answers")), (None, None));
}

#[tokio::test]
async fn a_person_fills_the_form_in_and_the_agent_gets_typed_values() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"title": "The moving van", "agent_name": "Van Hire"})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let joined = agent.wait(&link, None).await;
    let session = joined["open_sessions"][0]["session_id"].clone();

    let asked = agent
        .ask("temp_chat_ask", json!({"session_id": session, "intro": "For Saturday:", "fields": fields(), "final": false}))
        .await;
    browser.shows(".card .intro", "For Saturday:").await;
    browser.click(".card .choice .option:nth-child(2)").await;
    browser.click(".card .choices .option:nth-child(1)").await;
    browser.click(".card .choices .option:nth-child(3)").await;
    browser.click(".card .yes_no .option:nth-child(1)").await;
    browser.type_into(".card input[inputmode=decimal]", "31").await;
    // The browser's own language is English: month, day, year.
    browser.type_into(".card input[type=date]", "12012026").await;
    browser.type_into(".card textarea", "Mind the dog").await;
    browser.click(".card .rating .option:nth-child(4)").await;
    browser.click(".card button[type=submit]").await;
    browser.shows(".card .error", "At most 30.").await;
    browser.type_into(".card input[inputmode=decimal]", "\u{e003}\u{e003}2").await;
    browser.click(".card button[type=submit]").await;
    browser.shows(".card .answers", "Large").await;

    let heard = hear(&agent, &session, &asked).await;
    let values = json!({
        "size": "l", "extras": ["boxes", "help"], "agreed": true, "floor": 2, "day": "2026-12-01", "note": "Mind the dog", "stars": 4,
    });
    assert_eq!((&heard["events"][0]["data"]["values"], &heard["events"][0]["data"]["missing"]), (&values, &json!([])));

    // Yes or no is a pair of buttons, and what was answered may be changed until the agent goes on.
    browser.click(".card .text-button").await;
    browser.click(".card .choice .option:nth-child(1)").await;
    browser.click(".card .choices .option:nth-child(3)").await;
    browser.click(".card .choices .option:nth-child(1)").await;
    browser.click(".card button[type=submit]").await;
    let changed = hear(&agent, &session, &heard).await;
    let values = &changed["events"][0]["data"]["values"];
    assert_eq!((&values["size"], &values["extras"], &values["floor"]), (&json!("s"), &Value::Null, &json!(2)));
    let quick = json!({"session_id": session, "fields": [{"key": "ok", "label": "Book it?", "type": "yes_no"}]});
    let asked = agent.ask("temp_chat_ask", quick).await;
    browser.shows(".card", "This question is closed.").await;
    browser.click(".card button.option").await;
    let heard = hear(&agent, &session, &asked).await;
    assert_eq!(heard["events"][0]["data"]["values"], json!({"ok": true}));
    browser.close().await;
}
