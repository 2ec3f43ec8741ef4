//! What Lighthouse says of the page: as the invited see it, and in the chat, light and dark.

use std::env;

use serde_json::{Value, json};

use crate::support::{Installation, Run, lighthouse};

/// What is good enough, of 100.
const GOOD: i64 = 95;

/// Looks at every screen and theme.
async fn look(url: &str, categories: &[&str]) -> Vec<Value> {
    let mut run = Run::start(lighthouse(url, categories));
    let mut looks = Vec::new();
    for _ in 0..4 {
        looks.push(run.line().await);
    }
    assert!(run.end().await.succeeded);
    looks
}

/// Makes a link whose chat begins with words and a question.
async fn link() -> String {
    let agent = Installation::shared().agent().await;
    let questions = json!([
        {"key": "van", "label": "Which van?", "type": "choice", "options": ["Small", "Large"]},
        {"key": "boxes", "label": "How many boxes?", "type": "number"},
    ]);
    let welcome = "Hello! Here is the **plan**: we come at *nine*. When shall we be done?";
    let link = agent.link(json!({"title": "Your move", "welcome_message": welcome, "questions": questions})).await;
    link["url"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_is_good_to_use_and_well_made() {
    // Speed is for a machine that does nothing else: `./dev lighthouse` shows it.
    for look in look(&link().await, &["accessibility", "best-practices"]).await {
        let scores = look["scores"].as_object().unwrap();
        assert_eq!(scores.len(), 2, "{look:#}");
        assert!(scores.values().all(|score| score.as_i64() >= Some(GOOD)), "{look:#}");
    }
}

#[tokio::test]
#[ignore = "prints scores, which a busy machine makes worse: ./dev lighthouse"]
async fn scores() {
    let url = match env::var("TEMPCHAT_LINK") {
        Ok(url) if !url.is_empty() => url,
        _ => link().await,
    };
    println!("{:<12} {:<6} {:>11} {:>13} {:>14}", "screen", "theme", "performance", "accessibility", "best practices");
    for Look { screen, theme, scores, findings } in look(&url, &[]).await.iter().map(Look::of) {
        let [performance, accessibility, best_practices] = scores;
        println!("{screen:<12} {theme:<6} {performance:>11} {accessibility:>13} {best_practices:>14}");
        for finding in findings {
            println!("  {finding}");
        }
    }
}

/// A line of what is said.
struct Look {
    screen: String,
    theme: String,
    scores: [i64; 3],
    findings: Vec<String>,
}

impl Look {
    fn of(line: &Value) -> Self {
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let score = |name: &str| line["scores"][name].as_i64().unwrap();
        Self {
            screen: text("screen"),
            theme: text("theme"),
            scores: [score("performance"), score("accessibility"), score("best-practices")],
            findings: serde_json::from_value(line["findings"].clone()).unwrap(),
        }
    }
}
