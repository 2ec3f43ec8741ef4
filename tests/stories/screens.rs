//! A walk past every screen of the page, for those who look at each: tools in `for_everyone`, people in `screenshots`.

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Installation, Network, Site, token_of, until};

const RICH: &str = "Here is the **plan**, as promised:\n\n1. We come at *nine*.\n2. You show us the [inventory](https://example.org/list).\n\n\
    ```\nboxes = 42\nvan   = \"large\"\n```\n\n| Room | Boxes |\n| --- | --- |\n| Kitchen | 12 |\n| Study | 30 |\n";

/// Walks past all screens, and calls `look` at each with its name.
pub(crate) async fn walk(browser: &Browser, mut look: impl AsyncFnMut(&str)) {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    invitations(&agent, browser, &mut look).await;
    closed_doors(installation, &agent, browser, &mut look).await;
    conversation(installation, &agent, browser, &mut look).await;
    cards(installation, &agent, browser, &mut look).await;
    other_devices(installation, &agent, browser, &mut look).await;
    another_site(installation, &agent, browser, &mut look).await;
    other_languages(&agent, browser, &mut look).await;
}

/// What links are made with here.
fn settings() -> Value {
    json!({
        "title": "Your move on Saturday",
        "description": "A few questions, so that the right van comes with the right people.",
        "welcome_message": "Hello! I plan your move for Birch Removals. When shall we come, and how many boxes are there?",
        "agent_name": "Ada",
        "expires_in_minutes": 180,
        "messages_per_minute": 100,
    })
}

async fn link(agent: &Agent, more: Value) -> Value {
    let mut wishes = settings();
    wishes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    agent.link(wishes).await
}

async fn visit(browser: &Browser, link: &Value) {
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.find("h1").await;
}

async fn invitations(agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    visit(browser, &link(agent, json!({})).await).await;
    browser.shows("h1", "Your move").await;
    look("invitation").await;
    visit(browser, &link(agent, json!({"passcode": "plum jam"})).await).await;
    browser.type_into("#passcode", "plum tart\u{e007}").await;
    browser.shows("#passcode-error", "not the passcode").await;
    look("wrong-passcode").await;
    let crowded = link(agent, json!({})).await;
    let looks = format!(
        "for (let n = 0; n < 250; n++) fetch('/api/v1/links/inspect', {{method: 'POST', \
         headers: {{'content-type': 'application/json'}}, body: JSON.stringify({{token: '{}'}})}}).catch(() => 0)",
        token_of(&crowded)
    );
    until("there were too many looks", async || {
        browser.run(&looks).await;
        visit(browser, &crowded).await;
        browser.texts("h1").await.concat().contains("A little too fast").then_some(())
    })
    .await;
    look("busy").await;
}

async fn closed_doors(installation: &Installation, agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    browser.visit(&format!("{}/temp-chat/nonsense", installation.url())).await;
    browser.shows("h1", "We do not know this link").await;
    look("unknown").await;

    let paused = link(agent, json!({})).await;
    agent.update(&paused, json!({"status": "paused"})).await;
    visit(browser, &paused).await;
    browser.shows("h1", "Paused").await;
    look("paused").await;

    let full = link(agent, json!({})).await;
    installation.visitor().enter(&full).await;
    visit(browser, &full).await;
    browser.shows("h1", "Someone is in the chat").await;
    look("full").await;

    let revoked = link(agent, json!({})).await;
    agent.ask("temp_chat_revoke_link", json!({"link_id": revoked["link_id"]})).await;
    visit(browser, &revoked).await;
    browser.shows("h1", "withdrawn").await;
    look("revoked").await;

    let used_up = link(agent, json!({"max_sessions_total": 1})).await;
    installation.visitor().enter(&used_up).await.post("/end", &json!({})).await.expect(200);
    visit(browser, &used_up).await;
    browser.shows("h1", "This link has been used").await;
    look("used-up").await;

    browser.visit(&format!("{}/chat/ses_of_somebody_else", installation.url())).await;
    browser.shows("h1", "not on this device").await;
    look("elsewhere").await;

    let network = Network::to(installation.url()).await;
    browser.visit(&network.address(&link(agent, json!({})).await)).await;
    browser.find("form button[type=submit]").await;
    network.cut();
    browser.click("form button[type=submit]").await;
    browser.shows("h1", "We cannot reach the chat").await;
    look("away").await;

    let expired = link(agent, json!({})).await;
    agent.update(&expired, json!({"expires_in_minutes": 0.0167})).await;
    until("the link has run out", async || {
        let seen = installation.visitor().inspect(token_of(&expired)).await.expect(200);
        (seen["link"]["state"] == "expired").then_some(())
    })
    .await;
    visit(browser, &expired).await;
    browser.shows("h1", "run out").await;
    look("expired").await;
}

/// A question of every kind, as it comes, as it is filled in wrongly, and as it was answered.
async fn cards(installation: &Installation, agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    let network = Network::to(installation.url()).await;
    let link = link(agent, json!({"welcome_message": "Hello! I plan your move for Birch Removals."})).await;
    browser.visit(&network.address(&link)).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].clone();
    let ask = async |mut question: Value| {
        question["session_id"] = session.clone();
        question["final"] = question["final"].as_bool().unwrap_or_default().into();
        question["even_if_unread"] = json!(true);
        agent.ask("temp_chat_ask", question).await
    };

    ask(json!({"fields": [{"key": "lift", "label": "Is there a lift?", "type": "yes_no"}]})).await;
    browser.find(".card .option").await;
    look("quick-replies").await;
    network.cut();
    browser.click(".card .option").await;
    browser.shows(".card", "sent when you are back").await;
    look("answer-waits").await;
    network.mend();
    browser.find(".card .answers ~ .text-button").await;
    look("quick-reply-given").await;

    ask(json!({"intro": "So that the right van comes:", "fields": [
        {"key": "van", "label": "Which van?", "type": "choice", "options": [
            {"value": "s", "label": "Small: up to 20 boxes"}, {"value": "l", "label": "Large: up to 60 boxes, and a piano"}]},
        {"key": "extras", "label": "What else do you need?", "type": "choices", "options": ["Boxes", "Straps", "Two more hands"], "required": false},
        {"key": "day", "label": "When?", "type": "date", "min": "2026-01-01"},
    ]}))
    .await;
    browser.find(".card .choices").await;
    look("question").await;
    browser.click(".card form button[type=submit]").await;
    browser.shows(".card .error", "Please choose").await;
    look("question-incomplete").await;
    browser.click(".card form .choice .option:nth-child(2)").await;
    browser.click(".card form .actions .text-button").await;
    browser.shows(".card:last-child", "Not answered").await;
    look("partly-answered").await;

    ask(json!({"intro": "The last details", "fields": [
        {"key": "boxes", "label": "How many boxes?", "type": "number", "help": "A guess is enough.", "min": 1, "max": 500},
        {"key": "mail", "label": "Where shall the bill go?", "type": "email", "required": false},
        {"key": "note", "label": "Anything that we should know?", "type": "text", "required": false},
        {"key": "stars", "label": "How do you like to plan it this way?", "type": "rating", "required": false},
    ]}))
    .await;
    browser.type_into(".card input[inputmode=decimal]", "501").await;
    browser.type_into(".card input[type=email]", "ann at home").await;
    browser.click(".card:last-child form button[type=submit]").await;
    browser.shows(".card .error", "At most 500").await;
    look("question-wrong").await;
    browser.type_into(".card input[inputmode=decimal]", "\u{e003}\u{e003}\u{e003}40").await;
    browser.type_into(".card input[type=email]", "\u{e009}a\u{e000}ann@example.org").await;
    browser.type_into(".card textarea", "Mind the dog.").await;
    browser.click(".card:last-child .rating .option:nth-child(4)").await;
    look("question-filled-in").await;
    browser.click(".card:last-child form button[type=submit]").await;
    browser.shows(".card:last-child .answers", "ann@example.org").await;
    look("answered").await;
    question_lives(agent, browser, (&link, session.as_str().unwrap()), look).await;
}

/// How questions look before they are closed, and after; and a chat that is about to end.
async fn question_lives(agent: &Agent, browser: &Browser, (link, session): (&Value, &str), look: &mut impl AsyncFnMut(&str)) {
    let ask = async |minutes: Option<f64>, replaces: Option<&Value>| {
        let field = json!({"key": "note", "label": "Where do we ring?", "type": "text"});
        let silent = minutes.map(|_| json!({"note": "At the door"}));
        let question = json!({
            "session_id": session, "intro": "One last thing", "fields": [field], "answer_within_minutes": minutes,
            "if_silent": silent, "replaces": replaces, "even_if_unread": true,
        });
        agent.ask("temp_chat_ask", question).await["sent"]["question_id"].clone()
    };
    let timed = ask(Some(90.0), None).await;
    browser.shows(".card:last-child .terms", "Time left").await;
    look("question-with-a-deadline").await;
    browser.type_into(".card:last-child textarea", "At the blue gate, twice, please.").await;
    let other = ask(None, Some(&timed)).await;
    browser.shows(".card .unsent", "At the blue gate").await;
    look("question-replaced-while-editing").await;
    let withdraw =
        json!({"session_id": session, "question_id": other, "reason": "We found the bell on the map.", "even_if_unread": true});
    agent.ask("temp_chat_withdraw_question", withdraw).await;
    browser.shows(".card:last-child .closing", "the bell").await;
    look("question-withdrawn").await;
    ask(Some(0.03), None).await;
    browser.shows(".card:last-child .closing", "As announced").await;
    look("question-timed-out").await;
    let yes = json!({"session_id": session, "fields": [{"key": "ok", "label": "All clear?", "type": "yes_no"}], "even_if_unread": true});
    agent.ask("temp_chat_ask", yes).await;
    browser.click(".card:last-child .option").await;
    browser.shows(".card:last-child .closing", "This question is closed").await;
    look("question-answered-for-good").await;
    ask(None, None).await;
    browser.find(".card:last-child textarea").await;
    agent.ask("temp_chat_end_session", json!({"session_id": session, "in_minutes": 5, "even_if_unread": true})).await;
    browser.shows(".strip", "will end this chat in 5 minutes").await;
    look("end-planned").await;
    browser.type_into("#message", "What I still wanted to sa").await;
    agent.ask("temp_chat_end_session", json!({"session_id": session, "in_minutes": 0.02, "even_if_unread": true})).await;
    browser.shows(".ending .unsent", "What I still wanted to sa").await;
    look("ended-while-writing").await;
    drop(agent.wait(link, None).await);
}

async fn conversation(installation: &Installation, agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    let network = Network::to(installation.url()).await;
    let link = link(agent, json!({})).await;
    browser.visit(&network.address(&link)).await;
    browser.click("form button[type=submit]").await;
    browser.shows(".message.theirs", "I plan your move").await;
    look("chat-begins").await;

    browser.type_into("#message", "Hi Ada! Nine would be good. There are some forty boxes.\u{e007}").await;
    let heard = agent.wait(&link, None).await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    browser.shows(".doing", "thinking").await;
    look("thinking").await;
    agent.say(&session, RICH).await;
    browser.find(".message.theirs table").await;
    look("rich-answer").await;

    browser.open_menu().await;
    look("menu").await;
    browser.click(".menu-place > button").await;

    network.cut();
    browser.type_into("#message", "One more thing: the piano.\u{e007}").await;
    browser.shows(".message.mine .meta", "Waiting to be sent").await;
    browser.shows(".strip", "No connection").await;
    look("no-network").await;
    network.mend();
    agent.update(&link, json!({"expires_in_minutes": 1.9})).await;
    browser.shows(".strip.urgent", "This chat ends").await;
    look("ending-soon").await;

    browser.open_menu().await;
    browser.click(".menu .end").await;
    browser.click(".menu .end").await;
    browser.shows(".ending", "You ended it").await;
    look("ending").await;
    browser.click(".ending .rating .option:nth-child(4)").await;
    look("rating").await;
    browser.click(".ending button[type=submit]").await;
    browser.shows(".ending", "Thank you").await;
    browser.click(".ending button.danger").await;
    look("delete-now").await;
    browser.click(".ending button.danger").await;
    browser.shows("h1", "It is gone").await;
    look("gone").await;
}

async fn other_devices(installation: &Installation, agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    visit(browser, &link(agent, json!({})).await).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    browser.open_menu().await;
    browser.click(".menu button[aria-haspopup=dialog]").await;
    browser.shows(".handoff .code", "-").await;
    look("another-device").await;
    browser.click(".handoff button.primary").await;

    browser.open_menu().await;
    browser.click(".menu .forget").await;
    look("forget-me").await;
    browser.click(".menu .forget").await;
    browser.shows("h1", "This device is forgotten").await;
    look("forgotten").await;

    browser.visit(&format!("{}/chat#ZZZZ-ZZZZ", installation.url())).await;
    browser.click("form button[type=submit]").await;
    browser.shows("#code-error", "This code opens nothing").await;
    look("continue-here").await;
}

async fn another_site(installation: &Installation, agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    let site = Site::new().await;
    let origin = site.origin();
    let link = link(agent, json!({"allowed_origins": [origin]})).await;
    let _shown = site.show(format!(
        "<!doctype html><html lang=en><title>Birch Removals</title><meta name=viewport content='width=device-width'>\
         <main><h1>Birch Removals</h1><p>We move you, gently.</p></main>\
         <script src='{}/embed.js' data-link='{}' data-label='Ask us'></script></html>",
        installation.url(),
        token_of(&link)
    ));
    browser.visit(&origin).await;
    let root = "document.body.lastElementChild.shadowRoot";
    browser.becomes(&format!("return Boolean({root}?.querySelector('button'))")).await;
    browser.run(&format!("{root}.querySelector('button').click()")).await;
    let frame = format!("return {root}.querySelector('iframe')");
    browser.enter_frame(&frame).await;
    browser.click("form button[type=submit]").await;
    browser.shows(".message.theirs", "I plan your move").await;
    browser.leave_frame().await;
    look("bubble").await;
}

async fn other_languages(agent: &Agent, browser: &Browser, look: &mut impl AsyncFnMut(&str)) {
    let fields = json!([
        {"key": "van", "label": "أي سيارة؟", "type": "choice", "options": ["صغيرة", "كبيرة"]},
        {"key": "boxes", "label": "كم صندوقًا؟", "type": "number", "help": "التقدير يكفي.", "max": 500},
        {"key": "stars", "label": "ما رأيك؟", "type": "rating", "required": false},
    ]);
    let arabic = json!({
        "language": "ar",
        "title": "موعد الانتقال يوم السبت",
        "description": "بضعة أسئلة قصيرة.",
        "welcome_message": "مرحبًا! متى نأتي إليكم؟",
        "agent_name": "ليلى",
    });
    let link = link(agent, arabic).await;
    visit(browser, &link).await;
    browser.shows("h1", "موعد").await;
    look("arabic-invitation").await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "في التاسعة صباحًا من فضلك\u{e007}").await;
    let heard = agent.wait(&link, None).await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    agent.say(&session, "حسنًا، نراكم في **التاسعة**.").await;
    browser.find(".message.theirs strong").await;
    look("arabic-chat").await;
    agent.ask("temp_chat_ask", json!({"session_id": session, "fields": fields})).await;
    browser.click(".card form button[type=submit]").await;
    browser.find(".card .error:not([hidden])").await;
    look("arabic-question").await;
}
