//! The page for everyone: what axe-core looks at, targets that a thumb meets, room for large letters, other languages, little to fetch.

use std::collections::BTreeSet;

use http::Method;
use http::header::ACCEPT_ENCODING;
use serde_json::json;

use crate::screens;
use crate::support::{Answer, Browser, Installation, Screen, axe, send};

const FINDINGS: &str = "const tell = arguments[0];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    axe.run(document, { runOnly: { type: 'tag', values: tags } }).then(
        ({ violations }) => tell(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))),
        (error) => tell([String(error)]))";

/// What is smaller than a thumb (44 px), but for links within a text (WCAG 2.2, 2.5.8); an input within its label counts as that.
const SMALL: &str = "return [...document.querySelectorAll('a, button, input, textarea, label.option')]
    .filter((element) => element.checkVisibility() && !element.closest('.rich p, .rich li, .rich td, .bubble > div') && !element.matches('.option input'))
    .filter((element) => { const { width, height } = element.getBoundingClientRect(); return width < 44 || height < 44; })
    .map((element) => element.outerHTML)";

/// Whether the page is wider than its window, and whether nothing has the focus.
const LOST: &str = "return [document.documentElement.scrollWidth > innerWidth && 'wider than the window',
    document.activeElement === document.body && 'the focus is lost'].filter(Boolean)";

#[tokio::test]
async fn every_screen_is_for_everyone() {
    let axe = axe();
    // As narrow as 1280 pixels at 400 % (WCAG 2.2, 1.4.10); and in the dark, where colours are others.
    for screen in [Screen { width: 320, ..Screen::PHONE }, Screen::PHONE.dark()] {
        let browser = Browser::open().await;
        browser.look_through(screen).await;
        let mut wrong = Vec::new();
        screens::walk(&browser, async |scene| {
            if browser.run("return typeof axe").await == "undefined" {
                browser.run(&axe).await;
            }
            for found in [browser.run_until_it_tells(FINDINGS).await, browser.run(SMALL).await, browser.run(LOST).await] {
                wrong.extend(found.as_array().unwrap().iter().map(|found| format!("{scene}: {found}")));
            }
        })
        .await;
        assert!(wrong.is_empty(), "{screen:?}\n{}", wrong.join("\n"));
        browser.close().await;
    }
}

#[tokio::test]
async fn the_page_speaks_the_links_language_then_the_browsers() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let browser = Browser::open().await;
    browser.prefer("fr-CA,fr").await;
    browser.visit(agent.link(json!({})).await["url"].as_str().unwrap()).await;
    browser.shows("form button", "Commencer").await;
    assert_eq!(
        browser.run("return [document.documentElement.lang, document.documentElement.dir]").await,
        json!(["fr-CA", "ltr"])
    );

    let languages = [("de", "Chat beginnen"), ("es", "Empezar"), ("pt-BR", "Começar"), ("zh-Hans", "开始聊天"), ("ja", "始める")];
    for (language, start) in languages {
        browser.visit(agent.link(json!({"language": language})).await["url"].as_str().unwrap()).await;
        browser.shows("form button", start).await;
    }
    let arabic = agent.link(json!({"language": "ar"})).await;
    browser.visit(arabic["url"].as_str().unwrap()).await;
    browser.shows("form button", "ابدأ المحادثة").await;
    browser.click("form button").await;
    browser.find("#message").await;
    assert_eq!(browser.run("return [document.documentElement.lang, document.documentElement.dir]").await, json!(["ar", "rtl"]));
    // The chat keeps its language.
    browser.reload().await;
    browser.find("#message").await;
    assert_eq!(browser.run("return document.documentElement.dir").await, "rtl");
    browser.close().await;
}

/// What one visitor fetches, in bytes: the shell, and everything it names, and a language.
const LIGHT: usize = 30_000;

#[tokio::test]
async fn the_page_is_light_and_kept_for_good() {
    let visitor = Installation::shared().visitor();
    let fetch = async |path: &str, encoding: &str| -> Answer {
        send(visitor.request(Method::GET, path).header(ACCEPT_ENCODING, encoding)).await
    };
    let shell = fetch("/temp-chat/any", "identity").await;
    let named: BTreeSet<_> = shell.text().split('"').filter(|part| part.starts_with("/assets/")).collect();
    let folder = named.first().unwrap().rsplit_once('/').unwrap().0;
    let languages: Vec<_> =
        ["ar", "de", "en", "es", "fr", "ja", "pt", "zh"].iter().map(|tag| format!("{folder}/words-{tag}.js")).collect();
    for encoding in ["br", "gzip"] {
        let mut total = fetch("/temp-chat/any", encoding).await.body.len();
        for path in &named {
            let file = fetch(path, encoding).await;
            assert_eq!(file.status, 200, "{path}");
            assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
            assert_eq!(file.header("content-encoding"), Some(encoding));
            assert_eq!(file.header("vary"), Some("accept-encoding"));
            total += file.body.len();
        }
        let mut heaviest = 0;
        for path in &languages {
            heaviest = heaviest.max(fetch(path, encoding).await.body.len());
        }
        println!("{encoding}: {} files, {total} bytes, and {heaviest} of words", named.len() + 1);
        assert!(encoding != "br" || total + heaviest < LIGHT, "{total} bytes, and {heaviest} of words");
    }
    assert_eq!(fetch(&format!("{folder}/main.js"), "identity").await.header("content-encoding"), None);
    assert_eq!(fetch("/assets/0/main.js", "br").await.status, 404);
}
