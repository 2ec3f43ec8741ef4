//! Question cards in a browser: what is filled in is not lost, what is wrong is told beside the field, an answer arrives once.

use serde_json::{Value, json};

use crate::support::{Agent, Browser, Installation, Network, until};

/// A person at a browser, with a card on screen.
struct Asked {
    agent: Agent,
    network: Network,
    browser: Browser,
    session: Value,
    /// Where the agent is, having asked.
    cursor: Value,
}

impl Asked {
    async fn begin(fields: Value, settings: Value) -> Self {
        let installation = Installation::shared();
        let agent = installation.agent().await;
        let link = agent.link(settings).await;
        let network = Network::to(installation.url()).await;
        let browser = Browser::open().await;
        browser.visit(&network.address(&link)).await;
        browser.click("form button[type=submit]").await;
        browser.find("#message").await;
        let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].clone();
        let asked = agent.ask("temp_chat_ask", json!({"session_id": session, "fields": fields, "final": false})).await;
        browser.find(".card").await;
        Self { agent, network, browser, session, cursor: asked["next_cursor"].clone() }
    }

    /// Waits for what the agent hears after it has asked.
    async fn heard(&self) -> Vec<Value> {
        let heard = self.agent.hear(json!({"session_id": self.session, "after": self.cursor})).await;
        heard["events"].as_array().unwrap().clone()
    }

    async fn goes_away_and_comes_back(&self) {
        let chat = self.browser.address().await;
        self.browser.visit("about:blank").await;
        self.network.mend();
        self.browser.visit(&chat).await;
        self.browser.find(".card").await;
    }
}

#[tokio::test]
async fn what_is_filled_in_survives_the_page() {
    let fields = json!([
        {"key": "van", "label": "Which van?", "type": "choice", "options": ["Small", "Large"]},
        {"key": "extras", "label": "What else?", "type": "choices", "options": ["Boxes", "Straps"]},
        {"key": "boxes", "label": "How many boxes?", "type": "number"},
        {"key": "note", "label": "Anything else?", "type": "text"},
    ]);
    let asked = Asked::begin(fields, json!({})).await;
    let Asked { browser, .. } = &asked;
    browser.click(".card .choice .option:nth-child(2)").await;
    browser.click(".card .choices .option:nth-child(1)").await;
    browser.type_into(".card input[inputmode=decimal]", "40").await;
    browser.type_into(".card textarea", "Mind the dog").await;
    asked.goes_away_and_comes_back().await;
    browser.click(".card button[type=submit]").await;
    let values = json!({"van": "Large", "extras": ["Boxes"], "boxes": 40, "note": "Mind the dog"});
    assert_eq!(asked.heard().await[0]["data"]["values"], values);
    browser.shows(".card .answers", "Mind the dog").await;
    assert_eq!(browser.run("return Object.keys(localStorage).filter((key) => key.includes(':card:')).length").await, 0);
    asked.browser.close().await;
}

#[tokio::test]
async fn an_answer_without_a_network_waits_as_words_do_and_arrives_once() {
    let fields = json!([{"key": "lift", "label": "Is there a lift?", "type": "yes_no"}]);
    let asked = Asked::begin(fields, json!({})).await;
    asked.network.cut();
    asked.browser.click(".card .option:nth-child(2)").await;
    asked.browser.shows(".card", "sent when you are back").await;
    asked.browser.shows(".card .answers", "No").await;
    asked.goes_away_and_comes_back().await;
    asked.browser.shows(".card .text-button", "Change").await;
    let heard = asked.heard().await;
    assert_eq!(heard.iter().filter(|event| event["type"] == "answer").count(), 1, "{heard:?}");
    assert_eq!(heard[0]["data"]["values"], json!({"lift": false}));
    asked.browser.close().await;
}

/// What the element with the focus is called, and what is said beside it.
const FOCUS: &str = "const { activeElement: field } = document;
    const by = (field.getAttribute('aria-describedby') ?? field.closest('fieldset').getAttribute('aria-describedby')).split(' ');
    const said = by.map((id) => document.getElementById(id)).filter((part) => part && !part.hidden).map((part) => part.textContent);
    const invalid = (field.closest('fieldset') ?? field).getAttribute('aria-invalid');
    return [field.type, field.closest('fieldset')?.querySelector('legend')?.textContent ?? field.labels[0].textContent, invalid, said]";

#[tokio::test]
async fn what_is_wrong_is_told_beside_its_field_and_the_first_has_the_focus() {
    let fields = json!([
        {"key": "note", "label": "Anything else?", "type": "text", "required": false},
        {"key": "van", "label": "Which van?", "type": "choice", "options": ["Small", "Large"]},
        {"key": "boxes", "label": "How many boxes?", "type": "number", "help": "A guess is enough.", "max": 500},
        {"key": "day", "label": "When?", "type": "date", "max": "2026-01-01", "required": false},
    ]);
    let asked = Asked::begin(fields, json!({})).await;
    let Asked { browser, .. } = &asked;
    browser.type_into(".card input[inputmode=decimal]", "501").await;
    browser.type_into(".card input[type=date]", "12012026").await;
    browser.click(".card button[type=submit]").await;
    browser.shows(".card .error", "At most 500.").await;
    browser.shows(".card .error", "Not after January 1, 2026.").await;
    assert_eq!(browser.run(FOCUS).await, json!(["radio", "Which van?", "true", ["Please choose."]]));
    // What is put right needs no more complaint.
    browser.click(".card .choice .option:nth-child(1)").await;
    assert_eq!(browser.count(".card .error:not([hidden]):not(:empty)").await, 2);
    browser.click(".card button[type=submit]").await;
    assert_eq!(
        browser.run(FOCUS).await,
        json!(["text", "How many boxes?", "true", ["A guess is enough. At most 500.", "At most 500."]])
    );
    browser.type_into(".card input[inputmode=decimal]", "\u{e003}").await;
    browser.type_into(".card input[type=date]", "12012025").await;
    browser.click(".card button[type=submit]").await;
    browser.shows(".card .answers", "December 1, 2025").await;
    assert_eq!(asked.heard().await[0]["data"]["values"], json!({"van": "Small", "boxes": 50, "day": "2025-12-01"}));
    asked.browser.close().await;
}

#[tokio::test]
async fn a_card_speaks_the_chats_language() {
    let fields = json!([
        {"key": "van", "label": "Welcher Wagen?", "type": "choice", "options": ["Klein", "Groß"]},
        {"key": "stars", "label": "Wie ist das?", "type": "rating"},
    ]);
    let asked = Asked::begin(fields, json!({"language": "de"})).await;
    asked.browser.click(".card button[type=submit]").await;
    asked.browser.shows(".card .error", "Bitte").await;
    asked.browser.click(".card .rating .option:nth-child(5)").await;
    asked.browser.click(".card .actions .text-button").await;
    asked.browser.shows(".card .answers", "5 Sterne").await;
    asked.browser.shows(".card .text-button", "Rest beantworten").await;
    asked.browser.click(".card .text-button").await;
    asked.browser.click(".card .choice .option:nth-child(2)").await;
    asked.browser.click(".card button[type=submit]").await;
    asked.browser.shows(".card .answers", "Groß").await;
    asked.browser.close().await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_taken_for_given() {
    let fields = json!([{"key": "lift", "label": "Is there a lift?", "type": "yes_no"}]);
    let asked = Asked::begin(fields, json!({})).await;
    asked.browser.click(".card .option:nth-child(1)").await;
    asked.browser.shows(".card .text-button", "Change").await;
    asked.network.cut();
    asked.browser.click(".card .text-button").await;
    asked.browser.click(".card .option:nth-child(2)").await;
    asked.browser.shows(".card", "sent when you are back").await;
    asked.agent.say(asked.session.as_str().unwrap(), "Then it is booked.").await;
    asked.network.mend();
    asked.browser.shows(".card .error", "the question is closed").await;
    let shown = until("what was given in time", async || asked.browser.texts(".card .answers dd").await.pop()).await;
    assert_eq!(shown, "Yes");
    asked.browser.close().await;
}
