//! Guessing what people type: it costs the guesser ever more, and the holder of the right word gets in whoever else is guessing.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::support::{Answer, Browser, Installation, Visitor, price, prove, token_of};

/// A device in a network of its own (/24).
fn elsewhere(installation: &Installation, network: u8) -> Visitor {
    Visitor::from(installation.url(), Ipv4Addr::new(127, 99, network, 1))
}

/// Tries a passcode, with a proof or without.
async fn guess(visitor: &Visitor, link: &Value, passcode: &str, proof: Option<&Value>) -> Answer {
    visitor.join(token_of(link), json!({"passcode": passcode, "proof": proof})).await
}

/// Joins with the right passcode, at whatever price; tells how often it was asked for one.
async fn holder_joins(visitor: &Visitor, link: &Value, passcode: &str) -> usize {
    let mut proof = None;
    for asked in 0..5 {
        let answer = guess(visitor, link, passcode, proof.as_ref()).await;
        if answer.status == 201 {
            return asked;
        }
        proof = Some(prove(answer).await);
    }
    panic!("the price has no end");
}

#[tokio::test]
async fn thirty_guessers_lock_nobody_out() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": "blue teapot", "max_sessions_at_once": 9})).await;
    for network in 0..30 {
        guess(&elsewhere(&installation, network), &link, "red kettle", None).await.refused(401, "passcode_wrong");
    }
    // The next guess costs, whoever makes it; whether it is right is not told before.
    let holder = elsewhere(&installation, 200);
    let asked = guess(&holder, &link, "blue teapot", None).await;
    assert_eq!(price(asked), price(guess(&elsewhere(&installation, 201), &link, "red kettle", None).await));
    assert_eq!(holder_joins(&holder, &link, "blue teapot").await, 1);
    // Another link of the same agent costs nothing, and one without a passcode neither.
    let other = agent.link(json!({"passcode": "green spoon"})).await;
    assert_eq!(holder_joins(&elsewhere(&installation, 0), &other, "green spoon").await, 0);
    elsewhere(&installation, 0).enter(&agent.link(json!({})).await).await;
}

#[tokio::test]
async fn a_guesser_pays_twice_as_much_for_each_wrong_guess_and_a_neighbour_does_not() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": "blue teapot", "max_sessions_at_once": 9})).await;
    let guesser = elsewhere(&installation, 0);
    for _ in 0..5 {
        guess(&guesser, &link, "red kettle", None).await.refused(401, "passcode_wrong");
    }
    let mut prices = Vec::new();
    for _ in 0..3 {
        let asked = guess(&guesser, &link, "red kettle", None).await;
        let proof = prove(asked).await;
        prices.push(proof["challenge"]["parameters"]["data"]["counters"].as_u64().unwrap());
        guess(&guesser, &link, "red kettle", Some(&proof)).await.refused(401, "passcode_wrong");
    }
    assert_eq!(prices, [64, 128, 256]);
    let neighbour = Visitor::from(installation.url(), Ipv4Addr::new(127, 99, 0, 2));
    assert_eq!(holder_joins(&neighbour, &link, "blue teapot").await, 0);
    // Where the guesser is, the right word opens all the same, for its price.
    assert_eq!(holder_joins(&guesser, &link, "blue teapot").await, 1);
}

#[tokio::test]
async fn a_proof_is_good_once_and_for_its_link() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": "blue teapot", "max_sessions_at_once": 9})).await;
    let other = agent.link(json!({"passcode": "green spoon"})).await;
    let guesser = elsewhere(&installation, 0);
    for link in [&link, &other] {
        for _ in 0..5 {
            guess(&guesser, link, "red kettle", None).await.refused(401, "passcode_wrong");
        }
    }
    let proof = prove(guess(&guesser, &link, "red kettle", None).await).await;
    price(guess(&guesser, &other, "red kettle", Some(&proof)).await);
    let code = json!({"client_id": guesser.client_id(), "handoff_code": "00000000", "proof": proof});
    guesser.post("/api/v1/sessions", &code).await.refused(404, "handoff_unknown");
    guess(&guesser, &link, "red kettle", Some(&proof)).await.refused(401, "passcode_wrong");
    let again = guess(&guesser, &link, "red kettle", Some(&proof)).await;
    assert!(again.text().contains("used before"), "{}", again.text());
    for made_up in [json!("proof"), json!({}), json!({"challenge": {}, "solution": {}}), json!([1])] {
        price(guess(&guesser, &link, "red kettle", Some(&made_up)).await);
    }
}

#[tokio::test]
async fn a_race_of_guesses_has_no_more_free_ones() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": "blue teapot"})).await;
    let racing = (0..64).map(|_| {
        let guesser = elsewhere(&installation, 0);
        let link = &link;
        async move { guess(&guesser, link, "red kettle", None).await }
    });
    let answers = futures_util::future::join_all(racing).await;
    let free = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(free, 5);
    assert!(answers.iter().all(|answer| answer.status == 401 || answer.status == 403));
}

#[tokio::test]
async fn a_stranger_voids_no_code_and_a_right_one_opens_for_its_price() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let phone = elsewhere(&installation, 0).enter(&agent.link(json!({})).await).await;
    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    let bring = async |visitor: &Visitor, code: &Value, proof: Option<Value>| {
        let body = json!({"client_id": visitor.client_id(), "handoff_code": code, "proof": proof});
        visitor.post("/api/v1/sessions", &body).await
    };
    // A hundred tries from twenty networks, with first halves that nobody was given.
    let right = offered["code"].as_str().unwrap();
    let alphabet = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    for network in 1..=20 {
        for half in 0..5_usize {
            let code = format!("{}{}", alphabet[(half + usize::from(network)) % 10].repeat(4), "0000");
            assert_ne!(code, right);
            bring(&elsewhere(&installation, network).forgetful(), &json!(code), None).await.refused(404, "handoff_unknown");
        }
    }
    // Where many codes were tried, the right one costs, and opens.
    let laptop = elsewhere(&installation, 1);
    let asked = bring(&laptop, &offered["code"], None).await;
    let proof = prove(asked).await;
    let joined = bring(&laptop, &offered["code"], Some(proof)).await.expect(200);
    assert_eq!(joined["session"]["id"], phone.session.as_str());
}

#[tokio::test]
async fn a_page_works_for_its_guess_says_so_and_can_be_stopped() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": "blue teapot", "max_sessions_at_once": 9})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    // What a person sees of the work is kept, for it may be over in a moment.
    browser.shows("label[for=passcode]", "Passcode").await;
    browser
        .run("window.seen = []; new MutationObserver(() => { const p = document.querySelector('.proof'); if (p && p.textContent) window.seen.push(p.innerHTML); }).observe(document.body, { subtree: true, childList: true, characterData: true });")
        .await;
    for _ in 0..6 {
        browser
            .run("document.querySelector('#passcode').value = ''; document.querySelector('#passcode-error').textContent = '';")
            .await;
        // The sixth guess costs.
        browser.type_into("#passcode", "red kettle\u{e007}").await;
        browser.shows("#passcode-error", "That is not the passcode.").await;
    }
    let seen = browser.run("return window.seen.join('');").await.to_string();
    assert!(seen.contains("Checking that you are not a robot") && seen.contains("progress") && seen.contains("Cancel"), "{seen}");

    // Called off, nothing was tried and nothing is lost.
    browser
        .run("document.querySelector('#passcode').value = ''; document.querySelector('#passcode-error').textContent = '';")
        .await;
    let stop = "new MutationObserver(() => document.querySelector('.proof button')?.click()).observe(document.querySelector('.proof'), { childList: true });";
    browser.run(stop).await;
    browser.type_into("#passcode", "blue teapot\u{e007}").await;
    browser
        .becomes("return !document.querySelector('form [aria-disabled]') && !document.querySelector('.proof').textContent;")
        .await;
    assert_eq!(browser.count(".invitation").await, 1);
    assert_eq!(browser.texts("#passcode-error").await, [""]);

    browser.reload().await;
    browser.type_into("#passcode", "blue teapot\u{e007}").await;
    browser.becomes("return Boolean(document.querySelector('#message'));").await;
    browser.close().await;
}

#[tokio::test]
async fn a_page_over_plain_http_works_too() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": "blue teapot", "max_sessions_at_once": 9})).await;
    for _ in 0..5 {
        // From where the browser comes.
        let guesser = Visitor::from(installation.url(), Ipv4Addr::LOCALHOST);
        guess(&guesser, &link, "red kettle", None).await.refused(401, "passcode_wrong");
    }
    let browser = Browser::open().await;
    // As on an address that is not this machine's own.
    browser.prepare("Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined });").await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.type_into("#passcode", "blue teapot\u{e007}").await;
    browser.becomes("return Boolean(document.querySelector('#message'));").await;
    browser.close().await;
}

#[tokio::test]
async fn an_agent_is_warned_of_a_passcode_that_can_be_found_out() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    for (passcode, word) in [("4711", "digits"), ("47-1x", "characters")] {
        let link = agent.link(json!({"passcode": passcode})).await;
        let warnings = link["warnings"].to_string();
        assert!(warnings.contains(&format!("fewer than 6 {word}")) && !warnings.contains(passcode), "{warnings}");
    }
    let link = agent.link(json!({"passcode": "blue teapot"})).await;
    assert!(!link["warnings"].to_string().contains("passcode"), "{link}");
    let updated = agent.update(&link, json!({"passcode": "4711"})).await;
    assert!(updated["warnings"].to_string().contains("passcode"), "{updated}");
}
