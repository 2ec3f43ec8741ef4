//! Every language's words come through whole, and look as they are read: from a phone to the log, to a model, and into every copy.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Browser, Installation, send, until};

/// A line a script, with what each needs: marks over letters, joiners, words that are parted without blanks, two directions, sequences.
const SCRIPTS: [(&str, &str); 22] = [
    ("Latin", "Grüße, Đặng Thị Hiền — naïve façade, ŁÓDŹ!"),
    ("Greek", "Καλημέρα, τι κάνετε;"),
    ("Cyrillic", "Привіт, як ся маєте? Ёлка — это ёлка."),
    ("Armenian", "Բարև ձեզ։"),
    ("Georgian", "გამარჯობა, როგორ ხართ?"),
    ("Hebrew", "שָׁלוֹם, המחיר 5 (חמש)!"),
    ("Arabic", "مرحبًا، السعر ٥ (خمسة)!"),
    ("Persian", "می\u{200c}خواهم کتاب\u{200c}ها را ببینم."),
    ("Devanagari", "नमस्ते, क्\u{200d}ष और क्ष।"),
    ("Bengali", "নমস্কার, আপনি কেমন আছেন?"),
    ("Gurmukhi", "ਸਤ ਸ੍ਰੀ ਅਕਾਲ"),
    ("Tamil", "வணக்கம், எப்படி இருக்கிறீர்கள்?"),
    ("Malayalam", "നമസ്കാരം, അവൻ\u{200d} വന്നു"),
    ("Sinhala", "ආයුබෝවන්, ශ්\u{200d}රී ලංකාව"),
    ("Thai", "สวัสดี\u{200b}ครับ น้ำ"),
    ("Lao", "ສະບາຍດີ\u{200b}ເຈົ້າ"),
    ("Khmer", "ខ្ញុំ\u{200b}ចង់\u{200b}ទិញ\u{200b}សំបុត្រ"),
    ("Burmese", "မင်္ဂလာပါ\u{200b}ခင်ဗျာ"),
    ("Han", "你好，请确认：「葛\u{e0100}城」。"),
    ("Kana", "こんにちは、ガギグゲゴ。"),
    ("Hangul", "안녕하세요, 중요합니다!"),
    ("Emoji", "👩‍👩‍👧 ❤️‍🔥 👍🏽 🇨🇭 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
];

/// A text as HTML shows it; none of the lines has markup in it.
fn is_in(html: &str, text: &str) -> bool {
    html.contains(&text.replace('&', "&amp;").replace('"', "&quot;"))
}

#[tokio::test]
async fn a_line_of_every_script_comes_through_undamaged() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_messages_per_session": 100, "messages_per_minute": 100})).await;
    let chatter = installation.visitor().enter(&link).await;
    for (_, line) in SCRIPTS {
        chatter.say(line).await;
    }
    let heard = agent.hears(&link, SCRIPTS[SCRIPTS.len() - 1].1).await;
    for (_, line) in SCRIPTS {
        agent.say(&chatter.session, line).await;
    }
    drop(heard);
    let page = chatter.get("/messages?limit=100").await.expect(200);
    let said = |from: &str| -> Vec<&Value> {
        let events = page["events"].as_array().unwrap().iter();
        events.filter(|event| event["type"] == "message" && event["data"]["from"] == from).collect()
    };
    let read = json!({"session_id": chatter.session, "limit": 100});
    let events = agent.ask("temp_chat_read_messages", read).await.to_string();
    let read = json!({"session_id": chatter.session, "format": "markdown", "limit": 100});
    let told = agent.call("temp_chat_read_messages", read).await.content[0].as_text().unwrap().text.clone();
    let mut copies = Vec::new();
    for format in ["md", "txt", "json", "html"] {
        copies.push((format, chatter.get(&format!("/transcript?format={format}")).await.text().to_owned()));
    }
    for (nth, (script, line)) in SCRIPTS.into_iter().enumerate() {
        assert_eq!(said("chatter")[nth]["data"]["text"], line, "{script}");
        assert_eq!(said("agent")[nth]["data"]["text"], line, "{script}");
        assert!(is_in(said("agent")[nth]["data"]["html"].as_str().unwrap(), line), "{script}: {}", said("agent")[nth]);
        assert_eq!(events.matches(line).count(), 2, "{script}: {events}");
        assert_eq!(told.matches(line).count(), 2, "{script}: {told}");
        for (format, copy) in &copies {
            assert!(copy.contains(line), "{script} in {format}: {copy}");
        }
    }
}

#[tokio::test]
async fn each_line_runs_in_its_own_direction() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    agent.say(&session, "Hello.\n\nمرحبا، السعر 5 (خمسة)!\n\n- one\n- اثنان\n\nEnglish\nعربي").await;
    browser.find(".message.theirs li").await;
    // Where a paragraph begins: at the left in English, at the right in Arabic.
    let sides =
        "return [...document.querySelectorAll('.message.theirs .rich > p')].map((line) => getComputedStyle(line).direction)";
    assert_eq!(browser.run(sides).await, json!(["ltr", "rtl", "ltr"]));
    // What is typed in two lines runs in two directions.
    browser.run("document.querySelector('#message').value = 'Hello (you).\\nمرحبا (أنت).'").await;
    browser.type_into("#message", "!").await;
    browser.click("button.send").await;
    browser.find(".message.mine").await;
    let ends = "const words = document.querySelector('.message.mine .bubble > div').firstChild;
        const range = document.createRange();
        const at = (place) => { range.setStart(words, place); range.setEnd(words, place + 1); return range.getBoundingClientRect() };
        const text = words.textContent;
        const [first, second] = text.split('\\n');
        const dot = at(first.length - 1), letter = at(0), end = at(text.length - 2), begin = at(first.length + 1);
        return [letter.left < dot.left, begin.left > end.left]";
    assert_eq!(browser.run(ends).await, json!([true, true]));
    browser.close().await;
}

#[tokio::test]
async fn addresses_are_links_in_both_sides_words() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let written = "See https://example.com/a?b=1 please, or write to ann@example.com, or call +49 30 1234567.";
    let link = agent.link(json!({"description": written, "welcome_message": written})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    let expected = json!(["https://example.com/a?b=1", "mailto:ann@example.com", "tel:+49301234567"]);
    let links = |place: &str| {
        format!(
            "const links = [...document.querySelectorAll('{place} a')];
            if (links.some(({{ target, rel }}) => target !== '_blank' || !rel.includes('noopener'))) return 'unsafe';
            return links.map((link) => link.getAttribute('href'))"
        )
    };
    browser.find(".invitation .bubble a").await;
    for place in [".invitation .description", ".invitation .bubble"] {
        assert_eq!(browser.run(&links(place)).await, expected, "{place}");
    }
    browser.click("form button[type=submit]").await;
    browser.find(".message.theirs a").await;
    assert_eq!(browser.run(&links(".message.theirs")).await, expected);
    browser.type_into("#message", &format!("{written} javascript:alert(1)\u{e007}")).await;
    browser.find(".message.mine a").await;
    assert_eq!(browser.run(&links(".message.mine")).await, expected);

    // The page reads every example as the server does.
    let examples = include_str!("../../gateway/web/links.txt").split("\n\n").map(str::trim).filter(|example| !example.is_empty());
    let found = "const rows = [...document.querySelectorAll('.message.mine:last-of-type a')];
        return rows.map((link) => `${link.textContent.replaceAll(' ', '\\u00a0')} ${link.getAttribute('href')}`)";
    let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    agent.update(&link, json!({"max_messages_per_session": 200, "messages_per_minute": 100})).await;
    drop(session);
    for (nth, example) in examples.enumerate() {
        let (text, rows) = example.split_once('\n').unwrap_or((example, ""));
        browser.run(&format!("document.querySelector('#message').value = {}", json!(text))).await;
        browser.type_into("#message", " \u{e007}").await;
        until("the words", async || (browser.count(".message.mine").await == nth + 2).then_some(())).await;
        let rows: Vec<_> = rows.lines().collect();
        assert_eq!(browser.run(found).await, json!(rows), "{text}");
    }
    browser.close().await;
}

#[tokio::test]
async fn a_secret_opens_however_it_is_typed_or_copied() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": " さくら2026 ", "max_sessions_at_once": 10})).await;
    for typed in ["さくら2026", "さくら２０２６", " さくら2026\n", "\u{feff}さくら2026\u{200b}"] {
        let joined = installation.visitor().join(crate::support::token_of(&link), json!({"passcode": typed})).await;
        assert_eq!(joined.status, 201, "{typed:?}: {}", joined.text());
    }
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("[aria-controls=passcode]").await;
    browser.becomes("return document.querySelector('#passcode').type === 'text'").await;
    browser.type_into("#passcode", "さくら２０２６ ").await;
    browser.click("form button[type=submit]").await;
    browser.find("#message").await;
    browser.close().await;
}

#[tokio::test]
async fn an_open_fence_ends_with_its_message_in_every_copy() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let chatter = installation.visitor().enter(&agent.link(json!({})).await).await;
    agent.say(&chatter.session, "```js\nlet a").await;
    chatter.say("And then?").await;
    let copy = chatter.get("/transcript?format=md").await.text().to_owned();
    let read = json!({"session_id": chatter.session, "format": "markdown"});
    let told = agent.call("temp_chat_read_messages", read).await.content[0].as_text().unwrap().text.clone();
    for text in [copy, told] {
        let behind = text.split_once("let a\n```\n").unwrap_or_else(|| panic!("{text}")).1;
        assert!(behind.contains("> And then?"), "{text}");
    }
    let html = send(chatter.request(Method::GET, "/transcript?format=html")).await;
    assert!(html.text().contains("<pre><code>let a"), "{}", html.text());
}

#[tokio::test]
async fn numbers_are_read_as_the_readers_language_writes_them() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    for (language, typed, meant) in [
        ("de", "1.234,5", json!(1234.5)),
        ("en", "1,234.5", json!(1234.5)),
        ("de", "12,5", json!(12.5)),
        ("ar", "١٢٫٥", json!(12.5)),
        ("fr", "1 400", json!(1400)),
    ] {
        let link = agent.link(json!({"language": language})).await;
        let browser = Browser::open().await;
        browser.prefer(language).await;
        browser.visit(link["url"].as_str().unwrap()).await;
        browser.click("form button[type=submit]").await;
        browser.find("#message").await;
        let session = agent.wait(&link, None).await["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
        let fields = json!([{"key": "n", "label": "N?", "type": "number", "min": 1, "max": 5000}]);
        let asked = agent.ask("temp_chat_ask", json!({"session_id": session, "fields": fields})).await;
        // What would not come back as it was typed is told.
        for lost in ["0090", "12345678901234567890"] {
            browser.type_into(".card input", lost).await;
            browser.click(".card form button[type=submit]").await;
            browser.becomes("return document.querySelector('.card .error').textContent.includes('15') || document.querySelector('.card .error').textContent.includes('١٥')").await;
            browser.run("document.querySelector('.card input').value = ''").await;
        }
        browser.type_into(".card input", typed).await;
        browser.click(".card form button[type=submit]").await;
        let heard = agent.hear(json!({"session_id": session, "after": asked["next_cursor"]})).await;
        let answer = heard["events"].as_array().unwrap().iter().find(|event| event["type"] == "answer").unwrap();
        assert_eq!(answer["data"]["values"]["n"], meant, "{language}: {typed}");
        browser.close().await;
    }
}
