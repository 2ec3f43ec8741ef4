//! A key that is taken back, ends or is replaced while its holder waits: nothing that comes after that reaches it. And a key of one
//! link is there on that link alone.

use std::sync::Arc;

use http::Method;
use rmcp::model::{ServerNotification, SubscriptionFilter};
use rmcp::service::Subscription;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Agent, Answer, Chatter, Installation, Stream, send, soon, text_of, until};

/// An agent, one of its keys, and a chat.
struct Scene {
    agent: Agent,
    link: Value,
    chatter: Chatter,
    key_id: String,
    holder: Arc<Agent>,
}

impl Scene {
    async fn of(name: &str, options: &[&str]) -> Self {
        let installation = Installation::shared();
        let agent = installation.another_agent(name).await;
        let link = agent.link(json!({})).await;
        let chatter = installation.visitor().enter(&link).await;
        let issued =
            installation.json(&[&["agent", "key", "issue", &agent.id(), "--name", "second"], options].concat()).remove(0);
        let holder = Agent::connect_modern(installation.url(), issued["key"].as_str().unwrap()).await;
        Self { agent, link, chatter, key_id: issued["key_id"].as_str().unwrap().to_owned(), holder: Arc::new(holder) }
    }

    /// Asks for whatever a valid key may have.
    async fn knock(&self) -> Answer {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = Installation::shared().visitor().request(Method::POST, "/mcp");
        let request = request.header("accept", "application/json, text/event-stream").bearer_auth(self.holder.key());
        send(request.json(&call)).await
    }

    /// Waits until the key is refused: other processes hear of it within seconds.
    async fn is_shut_out(&self) {
        until("the end of a key", async || (self.knock().await.status == 401).then_some(())).await;
    }

    /// Begins to wait with the key, and returns once it does.
    async fn waits(&self) -> JoinHandle<String> {
        let (holder, link) = (Arc::clone(&self.holder), self.link["link_id"].clone());
        let heard = self.holder.ask("temp_chat_wait_for_messages", json!({"link_id": link, "timeout_seconds": 0})).await;
        let arguments = json!({"link_id": link, "after": heard["next_cursor"], "timeout_seconds": 50});
        let waiting = tokio::spawn(async move { text_of(&holder.call("temp_chat_wait_for_messages", arguments).await) });
        until("a wait", async || (self.chatter.look().await["agent_state"] == "listening").then_some(())).await;
        waiting
    }

    fn run(&self, arguments: &[&str]) {
        let id = self.agent.id();
        let (command, rest) = arguments.split_first().unwrap();
        Installation::shared().json(&[&["agent", "key", command, &id, &self.key_id], rest].concat());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_tells_nothing_that_came_after_its_key_was_taken_back() {
    for (name, end) in [("Revoked", &["revoke"][..]), ("Replaced", &["rotate", "--overlap", "0s"])] {
        let scene = Scene::of(name, &[]).await;
        let waiting = scene.waits().await;
        scene.run(end);
        scene.is_shut_out().await;
        scene.chatter.say("A secret").await;
        let told = soon("the end of a wait", waiting).await.unwrap();
        assert!(told.starts_with("key_invalid: ") && !told.contains("secret"), "{name}: {told}");
        // To whom it was not given, it is not acknowledged either.
        let heard = scene.agent.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await;
        assert!(heard.to_string().contains("A secret"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_tells_nothing_that_came_after_its_keys_end() {
    let scene = Scene::of("Expired", &["--expires", "30s"]).await;
    let waiting = scene.waits().await;
    scene.is_shut_out().await;
    scene.chatter.say("A secret").await;
    let told = soon("the end of a wait", waiting).await.unwrap();
    assert!(told.starts_with("key_expired: ") && !told.contains("secret"), "{told}");
}

fn transcript(session: &str) -> String {
    format!("tempchat://sessions/{session}/transcript")
}

/// Opens a stream of news, and takes the word at its beginning that anything may have changed.
async fn follow(holder: &Agent, sessions: &[&str]) -> Subscription {
    let wanted: Vec<_> = sessions.iter().map(|session| transcript(session)).collect();
    let filter = SubscriptionFilter::builder().resource_subscriptions(wanted.clone()).build();
    let mut stream = soon("a stream of news", holder.client().listen(filter)).await.unwrap();
    let mut told = Vec::new();
    while told.len() < wanted.len() {
        told.push(news(&mut stream).await.unwrap());
    }
    told.sort_unstable();
    let mut wanted = wanted;
    wanted.sort_unstable();
    assert_eq!(told, wanted);
    stream
}

/// Waits for the next word of a change; none at the end.
async fn news(stream: &mut Subscription) -> Option<String> {
    match soon("news", stream.next()).await.unwrap()? {
        ServerNotification::ResourceUpdatedNotification(update) => Some(update.params.uri),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_with_their_key() {
    let scene = Scene::of("Streams", &[]).await;
    let mut resources = follow(&scene.holder, &[&scene.chatter.session]).await;
    let request = Installation::shared().visitor().request(Method::GET, "/api/v1/agent/events?from=now");
    let mut events = Stream::new(soon("a stream", request.bearer_auth(scene.holder.key()).send()).await.unwrap());
    events.begins().await;
    scene.run(&["revoke"]);
    scene.is_shut_out().await;
    scene.chatter.say("A secret").await;
    assert_eq!(news(&mut resources).await, None, "not even that something happened");
    assert_eq!(events.next().await, None);
    assert_eq!(events.refusal().unwrap()["code"], "key_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_follows_nothing() {
    let scene = Scene::of("Deaf", &["--scope", "messages:write,links:write,sessions:end"]).await;
    let filter = SubscriptionFilter::builder().resource_subscriptions([transcript(&scene.chatter.session)]).build();
    match soon("a stream of news", scene.holder.client().listen(filter)).await {
        Err(error) => assert!(error.to_string().contains("scope_missing"), "{error}"),
        Ok(mut stream) => {
            let end = soon("its end", stream.next()).await;
            assert!(!matches!(end, Ok(Some(_))), "{end:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_key_is_not_told_that_anything_happens_elsewhere() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Neighbours").await;
    let (mine, theirs) = (agent.link(json!({})).await, agent.link(json!({})).await);
    let (my_chatter, their_chatter) = (installation.visitor().enter(&mine).await, installation.visitor().enter(&theirs).await);
    let issue = ["agent", "key", "issue", &agent.id(), "--link", mine["link_id"].as_str().unwrap()];
    let issued = installation.json(&issue).remove(0);
    let limited = Agent::connect_modern(installation.url(), issued["key"].as_str().unwrap()).await;
    // A made-up session is followed just as well: that it can be says nothing.
    let made_up = "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa";
    let mut stream = follow(&limited, &[&my_chatter.session, &their_chatter.session, made_up]).await;
    for _ in 0..3 {
        their_chatter.say("Elsewhere").await;
        my_chatter.say("Here").await;
        assert_eq!(news(&mut stream).await, Some(transcript(&my_chatter.session)));
    }
    drop(stream);

    // Nor are those elsewhere told that it listens.
    let heard = limited.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await;
    let arguments = json!({"after": heard["next_cursor"], "timeout_seconds": 50});
    let waiting = limited.ask("temp_chat_wait_for_messages", arguments);
    let looking = async {
        until("a wait", async || (my_chatter.look().await["agent_state"] == "listening").then_some(())).await;
        assert_eq!(their_chatter.look().await["agent_state"], "thinking", "the agent was there, and hears nobody here");
        their_chatter.say("Is anybody there?").await;
        my_chatter.say("And here?").await;
    };
    let (heard, ()) = tokio::join!(waiting, looking);
    assert_eq!(heard["events"][0]["data"]["text"], "And here?");
}
