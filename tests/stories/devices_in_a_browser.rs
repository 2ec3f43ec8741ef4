//! Other devices and other sites' pages, as a person sees them.

use serde_json::json;

use crate::support::{Browser, Installation, Site, token_of};

/// How many credentials this page keeps.
const BEARERS: &str = "return Object.keys(localStorage).filter((key) => key.endsWith(':bearer')).length";

/// Opens the menu and takes what it calls `words`, tapping so often.
async fn choose(browser: &Browser, words: &str, taps: usize) {
    browser.open_menu().await;
    let find = format!("[...document.querySelectorAll('.menu button')].find((button) => button.innerText.includes('{words}'))");
    browser.run(&format!("const button = {find}; for (let n = 0; n < {taps}; n += 1) button.click()")).await;
}

#[tokio::test]
async fn a_person_goes_on_on_another_device_and_leaves_the_first() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"title": "The moving van", "max_sessions_total": 1})).await;
    let (phone, laptop) = (Browser::open().await, Browser::open().await);
    phone.visit(link["url"].as_str().unwrap()).await;
    phone.click("form button[type=submit]").await;
    phone.type_into("#message", "Written on the phone\u{e007}").await;
    phone.shows(".message.mine", "Written on the phone").await;

    choose(&phone, "Continue on another device", 1).await;
    phone.shows(".handoff .code", "-").await;
    let read = "return document.querySelector('.handoff .code span').textContent";
    let code = phone.run(read).await.as_str().unwrap().to_owned();
    // The picture: as many squares as a code of its size has, and a way to hear it.
    assert!(phone.run("return document.querySelector('.handoff .qr path').getBBox().width >= 21").await == true);
    phone.click(".handoff button.primary").await;
    phone.becomes("return !document.querySelector('dialog')").await;

    // A wrong one is told and replaced.
    laptop.visit(&format!("{}/chat#ZZZZ-ZZZZ", installation.url())).await;
    laptop.shows("h1", "Continue your chat here").await;
    assert!(!laptop.address().await.contains('#'), "the code leaves the address");
    laptop.click("form button[type=submit]").await;
    laptop.shows("#code-error", "This code opens nothing").await;
    laptop.type_into("#code", &format!("{}\u{e007}", code.to_lowercase())).await;
    laptop.shows(".message.mine", "Written on the phone").await;
    laptop.type_into("#message", "Written on the laptop\u{e007}").await;
    phone.shows(".message.mine", "Written on the laptop").await;
    laptop.reload().await;
    laptop.shows(".message.mine", "Written on the laptop").await;

    choose(&phone, "Forget me on this device", 2).await;
    phone.shows("h1", "This device is forgotten").await;
    assert_eq!(phone.run("return localStorage.length").await, 0);
    phone.reload().await;
    phone.shows("h1", "This chat is not on this device").await;
    laptop.type_into("#message", "Still here\u{e007}").await;
    laptop.shows(".message.mine", "Still here").await;
    agent.hears(&link, "Still here").await;
    phone.close().await;
    laptop.close().await;
}

#[tokio::test]
async fn a_chat_in_another_sites_page_stays_between_two() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let (shop, thief) = (Site::new().await, Site::new().await);
    let (origin, elsewhere) = (shop.origin(), thief.origin());
    let link = agent.link(json!({"title": "A word with the shop", "allowed_origins": [origin]})).await;
    let page = format!(
        "<!doctype html><title>Shop</title><h1>Shop</h1><script>window.heard = []; addEventListener('message', (event) => heard.push(event.data))</script>\
         <script src=\"{}/embed.js\" data-link=\"{}\" data-label=\"Ask us\"></script>",
        installation.url(),
        token_of(&link)
    );
    let (_shop, _thief) = (shop.show(page.clone()), thief.show(page));
    let browser = Browser::open().await;
    let root = "[...document.body.children].at(-1).shadowRoot";
    let the_button = format!("return {root}.querySelector('button')");
    let the_frame = format!("return {root}.querySelector('iframe')");

    browser.visit(&origin).await;
    browser.becomes(&format!("{the_button}.getAttribute('aria-label') === 'Ask us'")).await;
    assert_eq!(browser.run(&the_frame).await, serde_json::Value::Null, "nothing is loaded before a tap");
    browser.run(&format!("{the_button}.click()")).await;
    browser.enter_frame(&the_frame).await;
    browser.shows("h1", "A word with the shop").await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "Do you have plums?\u{e007}").await;
    browser.shows(".message.mine", "Do you have plums?").await;
    let heard = agent.wait(&link, None).await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    agent.say(&session, "A tree full.").await;
    browser.shows(".message.theirs", "A tree full.").await;
    // Cookies are blocked here; what opens the chat is in storage that this frame has on this site's pages only.
    browser.run("document.cookie = 'mine=1; SameSite=None; Secure'").await;
    assert_eq!(browser.run("return document.cookie").await, "");
    assert_eq!(browser.run(BEARERS).await, 1);
    // A copy is saved without a cookie, too.
    browser.run("const make = URL.createObjectURL; URL.createObjectURL = (blob) => (blob.text().then((text) => window.saved = text), make(blob))").await;
    browser.open_menu().await;
    browser.click(".menu a").await;
    browser.becomes("return Boolean(window.saved?.includes('A tree full.'))").await;
    browser.click(".menu-place > button").await;

    // Escape closes it, gives the focus back, and is all that the page around hears.
    browser.press("\u{e00c}").await;
    browser.leave_frame().await;
    browser.becomes(&format!("{the_frame}.hidden && {root}.activeElement === {root}.querySelector('button')")).await;
    assert_eq!(browser.run("return heard").await, json!(["tempchat:close"]));
    let peep = format!(
        "try {{ return {root}.querySelector('iframe').contentWindow.document.title }} catch (error) {{ return error.name }}"
    );
    assert_eq!(browser.run(&peep).await, "SecurityError");
    assert_eq!(
        browser
            .run("return [localStorage.length, document.cookie, Object.keys(window).filter((name) => /chat/i.test(name))]")
            .await,
        json!([0, "", []])
    );

    // A reload of the page around finds the chat again.
    browser.reload().await;
    browser.becomes(&format!("{the_button}.getAttribute('aria-expanded') === 'false'")).await;
    browser.run(&format!("{the_button}.click()")).await;
    browser.enter_frame(&the_frame).await;
    browser.shows(".message.theirs", "A tree full.").await;
    choose(&browser, "Forget me on this device", 2).await;
    browser.shows("h1", "This device is forgotten").await;
    assert_eq!(browser.run(BEARERS).await, 0);
    browser.leave_frame().await;

    // Another site gets an empty frame.
    browser.visit(&elsewhere).await;
    browser.becomes(&format!("{the_button} !== null")).await;
    browser.run(&format!("{the_button}.click()")).await;
    browser.enter_frame(&the_frame).await;
    browser.becomes("return location.href.startsWith('chrome-error:')").await;
    browser.leave_frame().await;
    browser.close().await;
}

#[tokio::test]
async fn the_address_of_a_frame_leads_to_the_link_where_it_is_opened_by_itself() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"title": "Not in a frame"})).await;
    let browser = Browser::open().await;
    browser.visit(&format!("{}/embed/{}", installation.url(), token_of(&link))).await;
    browser.shows("h1", "Not in a frame").await;
    assert!(browser.address().await.contains("/temp-chat/"));
    browser.close().await;
}

#[tokio::test]
async fn a_chat_keeps_the_links_language_on_another_device() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"language": "de", "max_sessions_total": 1})).await;
    let phone = installation.visitor().enter(&link).await;
    let offered = phone.post("/handoff", &json!({})).await.expect(200);
    let laptop = Browser::open().await;
    laptop.visit(offered["url"].as_str().unwrap()).await;
    // Whose link it is, nobody knows before the code is taken.
    laptop.shows("h1", "Continue your chat here").await;
    laptop.click("form button[type=submit]").await;
    laptop.shows(".introduction", "Das ist ein Chat").await;
    laptop.reload().await;
    laptop.shows(".introduction", "Das ist ein Chat").await;
    assert_eq!(laptop.run("return document.documentElement.lang").await, "de");
    laptop.close().await;
}
