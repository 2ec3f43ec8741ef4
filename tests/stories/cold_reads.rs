//! What is over is shown from rows and their keys: to show it, no link and no session is read from the log.

use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Installation, soon, until};

/// Listens to all that is asked of an installation's log, and returns what was asked while `calls` ran.
async fn asked(installation: &Installation, calls: impl Future<Output = ()>) -> Vec<String> {
    const END: &str = "$JS.API.end-of-the-test";
    let url = std::fs::read_to_string(installation.data().join("nats.url")).unwrap();
    let client = nats::bare_client(url.trim()).await.unwrap();
    let mut questions = client.subscribe("$JS.API.>").await.unwrap();
    client.flush().await.unwrap();
    calls.await;
    // What was answered was asked before this.
    client.publish(END, "".into()).await.unwrap();
    let mut asked = Vec::new();
    loop {
        let question = soon("a question", questions.next()).await.unwrap();
        if question.subject.as_str() == END {
            return asked;
        }
        asked.push(format!("{} {}", question.subject, String::from_utf8_lossy(&question.payload)));
    }
}

/// Asks for all that there is to see of a link, and expects everyone's words in it.
async fn look_at_all(agent: &Agent, link: &Value, chatters: &[Chatter]) {
    let of_link = json!({"link_id": link["link_id"]});
    let session = |chatter: &Chatter| json!({"session_id": chatter.session});
    let wait = |mut of: Value| {
        of["timeout_seconds"] = json!(0);
        of
    };
    for arguments in [wait(json!({})), wait(of_link.clone()), wait(session(&chatters[0]))] {
        let heard = agent.ask("temp_chat_wait_for_messages", arguments).await.to_string();
        assert!(heard.contains("Words of 0") && heard.contains("Ann"), "{heard}");
    }
    for (number, chatter) in chatters.iter().enumerate() {
        let read = agent.ask("temp_chat_read_messages", session(chatter)).await.to_string();
        assert!(read.contains(&format!("Words of {number}")), "{read}");
    }
    let listed = agent.ask("temp_chat_list_sessions", of_link).await.to_string();
    assert!(listed.contains("Ann") && listed.contains("Bo"), "{listed}");
}

#[tokio::test]
async fn past_chats_are_shown_from_rows_and_each_key_is_fetched_once() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"recipients": ["Ann", "Bo"]})).await;
    let mut chatters = Vec::new();
    for number in 0..2 {
        let chatter = installation.visitor().enter(&json!({"url": link["urls"][number]["url"]})).await;
        chatter.say(&format!("Words of {number}")).await;
        chatter.post("/end", &json!({})).await.expect(200);
        chatters.push(chatter);
    }
    until("all places are free", async || {
        let seen = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
        (seen["counts"]["places_taken"] == 0).then_some(())
    })
    .await;

    // A process that has seen none of it.
    let installation = Installation::on(installation.kill());
    let agent = installation.agent().await;
    let asked = asked(&installation, look_at_all(&agent, &link, &chatters)).await;
    assert!(!asked.is_empty());
    let loads = |question: &&String| {
        let of_one = |kind: &str| question.split("event.").skip(1).any(|subject| subject.split('.').nth(2) == Some(kind));
        of_one("session") || of_one("link")
    };
    assert_eq!(asked.iter().filter(loads).collect::<Vec<_>>(), [""; 0]);
    for owner in chatters.iter().map(|chatter| &*chatter.session).chain(link["link_id"].as_str()) {
        let fetched = asked.iter().filter(|question| question.contains("key.") && question.contains(owner)).count();
        assert_eq!(fetched, 1, "{owner}: {asked:#?}");
    }
}
