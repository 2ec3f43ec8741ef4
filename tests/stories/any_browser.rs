//! Old browsers, odd tags of languages, addresses that were copied with what stood behind them, pages of others that swap themselves:
//! each gets a chat, or a sentence.

use serde_json::{Value, json};

use crate::support::{Browser, Installation, Site, token_of};

#[tokio::test]
async fn an_ai_is_named_before_the_first_tap_and_beside_every_word() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    for (language, is_ai, label) in [
        ("en", "is an AI", "AI"),
        ("de", "eine KI", "KI"),
        ("es", "una IA", "IA"),
        ("fr", "une IA", "IA"),
        ("pt", "uma IA", "IA"),
        ("ja", "AI です", "AI"),
        ("zh", "人工智能", "AI"),
        ("ar", "ذكاء اصطناعي", "ذكاء اصطناعي"),
    ] {
        // No setting of an agent's takes it away.
        let settings =
            json!({"language": language, "agent_name": "Dr. Human", "title": "A human", "welcome_message": "I am a person."});
        let link = agent.link(settings).await;
        assert_eq!(installation.visitor().inspect(token_of(&link)).await.expect(200)["link"]["agent_kind"], "ai");
        let browser = Browser::open().await;
        browser.visit(link["url"].as_str().unwrap()).await;
        browser.shows(".invitation .ai", is_ai).await;
        browser.click("form button[type=submit]").await;
        browser.shows(".message.theirs .speaker", label).await;
        browser.shows(".bar", label).await;
        let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
        agent.say(&session, "Another word.").await;
        agent.ask("temp_chat_ask", json!({"session_id": session, "fields": [{"key": "a", "label": "A?", "type": "text"}]})).await;
        browser.shows(".card .speaker", label).await;
        let unnamed = "return [...document.querySelectorAll('.message.theirs, .card')]
            .filter((entry) => !entry.querySelector('.speaker')?.textContent.includes(arguments[0] ?? '')).length";
        assert_eq!(browser.run(&unnamed.replace("arguments[0] ?? ''", &json!(label).to_string())).await, 0);
        browser.close().await;
    }
}

#[tokio::test]
async fn a_tag_that_no_browser_reads_is_read_as_far_as_it_goes() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    for (tags, language, start) in [
        ("['en-US@posix']", "en", "Start chatting"),
        ("['de_DE.UTF-8']", "de", "Chat beginnen"),
        ("['C']", "en", "Start chatting"),
        ("[]", "en", "Start chatting"),
        ("['', 'fr-x']", "fr", "Commencer"),
    ] {
        let browser = Browser::open().await;
        browser.prepare(&format!("Object.defineProperty(navigator, 'languages', {{ get: () => {tags} }})")).await;
        let link = agent.link(json!({})).await;
        browser.visit(link["url"].as_str().unwrap()).await;
        browser.shows("form button[type=submit]", start).await;
        browser.click("form button[type=submit]").await;
        browser.find("#message").await;
        browser.becomes(&format!("return document.documentElement.lang.startsWith('{language}')")).await;
        browser.close().await;
    }
}

#[tokio::test]
async fn a_link_opens_with_whatever_stuck_to_it() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"title": "The van"})).await;
    let url = link["url"].as_str().unwrap();
    let browser = Browser::open().await;
    for behind in ["/", ".", ")", "%20", "/.", "%29", "%E3%80%82", ",", "%0A", "/more", "?utm_source=x", "%3E", "&amp;x"] {
        browser.visit(&format!("{url}{behind}")).await;
        browser.shows("h1", "The van").await;
    }
    for (path, said) in [
        ("/temp-chat/", "We do not know this link"),
        ("/temp-chat", "We do not know this link"),
        ("/chat/", "Continue your chat"),
    ] {
        browser.visit(&format!("{}{path}", installation.url())).await;
        browser.shows("h1", said).await;
    }
    browser.close().await;
}

#[tokio::test]
async fn a_script_that_does_not_come_or_run_is_told_in_the_visitors_language() {
    let installation = Installation::shared();
    let link = installation.agent().await.link(json!({})).await;
    for (language, said) in [("en", "too old"), ("de", "zu alt"), ("ja", "ブラウザー")] {
        let browser = Browser::open().await;
        browser.prefer(language).await;
        browser.lose(&["*main.js*"]).await;
        browser.visit(link["url"].as_str().unwrap()).await;
        browser.shows(".late", said).await;
        browser.lose(&[]).await;
        browser.reload().await;
        browser.find("form button[type=submit]").await;
        assert_eq!(browser.count(".late").await, 0);
        browser.close().await;
    }
}

#[tokio::test]
async fn a_browser_without_cookies_is_good_for_a_chat() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_total": 1})).await;
    let browser = Browser::open().await;
    // As Chromium does where a person blocks them: none is kept, and the page is told.
    browser.prepare("Object.defineProperty(navigator, 'cookieEnabled', { get: () => false })").await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "No cookies\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    browser.reload().await;
    browser.shows(".message.mine", "No cookies").await;
    browser.close().await;
}

#[tokio::test]
async fn on_a_touch_screen_enter_begins_a_line_and_the_button_sends() {
    let installation = Installation::shared();
    let link = installation.agent().await.link(json!({})).await;
    let browser = Browser::open().await;
    let touch = "const match = matchMedia; window.matchMedia = (query) => query === '(pointer: coarse)' ? { matches: true } : match(query)";
    browser.prepare(touch).await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "a\u{e007}b").await;
    browser.becomes("return document.querySelector('#message').value === 'a\\nb'").await;
    assert_eq!(browser.count(".message.mine").await, 0);
    browser.click("button.send").await;
    browser.shows(".message.mine", "a\nb").await;
    // A picture is not taken in silence.
    let paste = "const data = new DataTransfer(); data.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
        document.querySelector('#message').dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))";
    browser.run(paste).await;
    browser.shows("#composer-note", "cannot be sent").await;
    browser.close().await;
}

#[tokio::test]
async fn a_cookie_finds_the_chat_when_what_scripts_keep_is_gone() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_total": 1, "passcode": "plum jam"})).await;
    let url = link["url"].as_str().unwrap();
    let browser = Browser::open().await;
    browser.visit(url).await;
    browser.type_into("#passcode", "plum jam\u{e007}").await;
    browser.type_into("#message", "I shall be back\u{e007}").await;
    browser.shows(".message.mine .meta", "Sent").await;
    browser.run("localStorage.clear()").await;
    browser.visit(url).await;
    browser.shows(".message.mine", "I shall be back").await;
    // Somebody else has no cookie, and no place.
    let other = Browser::open().await;
    other.visit(url).await;
    other.shows("h1", "This link has been used").await;
    other.shows(".notice", "another device").await;
    other.close().await;
    // Who was forgotten here is not known by it either.
    browser.open_menu().await;
    browser.click(".menu .forget").await;
    browser.click(".menu .forget").await;
    browser.shows("h1", "forgotten").await;
    browser.run("localStorage.clear()").await;
    browser.visit(url).await;
    browser.shows("h1", "This link has been used").await;
    browser.close().await;
}

/// How many bubbles are there, and whether the newest is open.
const BUBBLES: &str =
    "const bubbles = [...document.querySelectorAll('*')].filter(({ shadowRoot }) => shadowRoot?.querySelector('button'));
    return [bubbles.length, bubbles.some(({ shadowRoot }) => shadowRoot.querySelector('iframe:not([hidden])'))]";

#[tokio::test]
async fn a_bubble_outlives_what_a_page_does_to_itself_and_is_one() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let site = Site::new().await;
    let origin = site.origin();
    let link = agent.link(json!({"allowed_origins": [origin]})).await;
    let (base, token) = (installation.url(), token_of(&link));
    let script = format!("<script src='{base}/embed.js' data-link='{token}'></script>");
    let _shown =
        site.show(format!("<!doctype html><html lang=en><title>Birch</title><body><h1>Birch</h1>{script}{script}</body></html>"));
    let browser = Browser::open().await;
    browser.visit(&origin).await;
    let is = async |expected: Value| {
        browser.becomes(&format!("return JSON.stringify((() => {{ {BUBBLES} }})()) === '{expected}'")).await;
    };
    is(json!([1, false])).await;
    browser
        .run(
            "[...document.querySelectorAll('*')].find(({ shadowRoot }) => shadowRoot).shadowRoot.querySelector('button').click()",
        )
        .await;
    is(json!([1, true])).await;
    for change in [
        "document.body.replaceWith(document.body.cloneNode(false))",
        "document.body.replaceWith(document.body.cloneNode(true))",
        "document.body.innerHTML = '<p>Another page</p>'",
        "document.body = document.createElement('body')",
    ] {
        browser.run(change).await;
        is(json!([1, true])).await;
    }
    // As a tag manager does it: a script of its own making, without what it does not know.
    let again = format!(
        "const script = document.createElement('script'); script.src = '{base}/embed.js?link={token}';
        const tell = arguments[0]; script.onload = () => tell(true); document.head.append(script)"
    );
    browser.run_until_it_tells(&again).await;
    is(json!([1, true])).await;
    let frame =
        "return [...document.querySelectorAll('*')].find(({ shadowRoot }) => shadowRoot).shadowRoot.querySelector('iframe')";
    browser.enter_frame(frame).await;
    browser.find("form button[type=submit]").await;
    browser.close().await;
}

#[tokio::test]
async fn a_frame_may_be_shown_by_pages_that_isolate_themselves() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"allowed_origins": ["https://a.example"]})).await;
    let frame = installation.visitor().get(&format!("/embed/{}", token_of(&link))).await;
    assert_eq!(frame.header("cross-origin-embedder-policy"), Some("require-corp"));
    assert_eq!(frame.header("cross-origin-resource-policy"), Some("cross-origin"));
}

#[tokio::test]
async fn a_new_chat_is_offered_only_where_it_works() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    for (total, is_offered) in [(json!(null), true), (json!(1), false)] {
        let link = agent.link(json!({"max_sessions_total": total})).await;
        let browser = Browser::open().await;
        browser.visit(link["url"].as_str().unwrap()).await;
        browser.click("form button[type=submit]").await;
        browser.find("#message").await;
        browser.open_menu().await;
        browser.click(".menu .end").await;
        browser.click(".menu .end").await;
        browser.shows(".ending", "You ended it.").await;
        if is_offered {
            browser.find(".anew button").await;
        } else {
            // The page has asked.
            let asked = "return performance.getEntriesByType('resource').filter(({ name, responseEnd }) => name.endsWith('/links/inspect') && responseEnd).length > 1";
            browser.becomes(asked).await;
            assert_eq!(browser.count(".anew button").await, 0);
        }
        browser.close().await;
    }
    // A link that was taken back, with a friendly word: that is how it is told, and there is nothing to begin.
    let link = agent.link(json!({})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"], "farewell": "Thank you, and goodbye!"})).await;
    browser.shows(".ending", "ended it.").await;
    assert_eq!(browser.count(".anew button").await, 0);
    browser.close().await;
}
