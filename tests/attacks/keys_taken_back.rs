//! A key that is revoked, replaced or at its end: every door is shut within a second, at every gateway, and who waits is told why.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use rmcp::model::SubscriptionFilter;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::JoinHandle;

use crate::support::{Agent, Chatter, Installation, Process, Stream, Visitor, send, soon, text_of, until};

/// How long a door may stay open after the answer that the key was taken back: a second is promised (the figure is printed); a busy machine gets more, yet less
/// than what it took before.
const WITHIN: Duration = Duration::from_secs(4);

/// A chat, and a second key of its agent.
struct Scene {
    agent: Agent,
    link: Value,
    chatter: Chatter,
    key: String,
    key_id: String,
    issued: Value,
}

impl Scene {
    async fn of(name: &str, options: &[&str], limited: bool) -> Self {
        let installation = Installation::shared();
        let agent = installation.another_agent(name).await;
        let link = agent.link(json!({})).await;
        let chatter = installation.visitor().enter(&link).await;
        let id = agent.id();
        let mut issue = vec!["agent", "key", "issue", &id, "--name", "second"];
        issue.extend(options);
        if limited {
            issue.extend(["--link", link["link_id"].as_str().unwrap()]);
        }
        let issued = installation.json(&issue).remove(0);
        let of = |name: &str| issued[name].as_str().unwrap().to_owned();
        Self { key: of("key"), key_id: of("key_id"), agent, link, chatter, issued }
    }

    /// Opens every door that stays open, at one gateway.
    async fn opens(&self, url: &str) -> Doors {
        let holder = Arc::new(Agent::connect_modern(url, &self.key).await);
        let heard = holder.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await;
        let mut waits = Vec::new();
        // Whatever a wait listens to: all, a link, a session; and waiting for a reply.
        for scope in ["", "link_id", "session_id"] {
            let mut arguments = json!({"after": heard["next_cursor"], "timeout_seconds": 50});
            match scope {
                "link_id" => arguments["link_id"] = self.link["link_id"].clone(),
                "session_id" => arguments["session_id"] = json!(self.chatter.session),
                _ => {}
            }
            let holder = Arc::clone(&holder);
            waits.push(tokio::spawn(async move {
                let told = text_of(&holder.call("temp_chat_wait_for_messages", arguments).await);
                (told, Instant::now())
            }));
        }
        let request = Visitor::new(url).request(Method::GET, "/api/v1/agent/events?from=now").bearer_auth(&self.key);
        let mut events = Stream::new(soon("a stream", request.send()).await.unwrap());
        events.begins().await;
        let transcript = format!("tempchat://sessions/{}/transcript", self.chatter.session);
        let filter = SubscriptionFilter::builder().resource_subscriptions([transcript]).build();
        let mut news = soon("news", holder.client().listen(filter)).await.unwrap();
        soon("the first news", news.next()).await.unwrap();
        until("a wait", async || (self.chatter.at(url).look().await["agent_state"] == "listening").then_some(())).await;
        let events = tokio::spawn(async move {
            assert_eq!(events.next().await, None);
            (events.refusal().cloned(), Instant::now())
        });
        let news = tokio::spawn(async move {
            while let Ok(Some(_)) = soon("the end of news", news.next()).await {}
            drop(holder);
            Instant::now()
        });
        Doors { waits, events, news }
    }

    async fn is_let_in(&self, url: &str) -> bool {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = Visitor::new(url).request(Method::POST, "/mcp").bearer_auth(&self.key).json(&call);
        send(request.header("accept", "application/json, text/event-stream")).await.status != 401
    }

    fn run(&self, arguments: &[&str]) {
        let id = self.agent.id();
        let (command, rest) = arguments.split_first().unwrap();
        Installation::shared().json(&[&["agent", "key", command, &id, &self.key_id], rest].concat());
    }
}

/// What a key's holder has open at one gateway.
struct Doors {
    waits: Vec<JoinHandle<(String, Instant)>>,
    events: JoinHandle<(Option<Value>, Instant)>,
    news: JoinHandle<Instant>,
}

impl Doors {
    /// Waits until all are shut, and says how long after `end` the last was, with what they said.
    async fn shut(self, code: &str, end: Instant) -> Duration {
        let mut last = self.news.await.unwrap();
        for wait in self.waits {
            let (told, at) = wait.await.unwrap();
            assert!(told.starts_with(&format!("{code}: ")), "{told}");
            last = last.max(at);
        }
        let (refusal, at) = self.events.await.unwrap();
        assert_eq!(refusal.unwrap()["code"], code);
        last.max(at).saturating_duration_since(end)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_or_replaced_key_shuts_every_door_within_a_second_at_every_gateway() {
    let installation = Installation::shared();
    let second = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    let urls = [installation.url(), second.url().unwrap()];
    for (name, end, limited) in [
        ("Revoked at once", &["revoke"][..], false),
        ("Replaced at once", &["rotate", "--overlap", "0s"], false),
        ("Revoked on one link", &["revoke"], true),
    ] {
        let scene = Scene::of(name, &[], limited).await;
        let (here, there) = (scene.opens(urls[0]).await, scene.opens(urls[1]).await);
        scene.run(end);
        let ended = Instant::now();
        for url in urls {
            until("a key is refused", async || (!scene.is_let_in(url).await).then_some(())).await;
        }
        let refused = ended.elapsed();
        let shut = here.shut("key_invalid", ended).await.max(there.shut("key_invalid", ended).await);
        println!("{name}: new requests refused after {refused:?}, open doors shut after {shut:?}");
        assert!(refused <= WITHIN && shut <= WITHIN, "{name}: {refused:?}, {shut:?}");
    }
    assert_eq!(second.interrupt().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shut_out_at_its_end_and_a_replaced_secret_at_its_own() {
    let installation = Installation::shared();
    let scene = Scene::of("Ends soon", &["--expires", "40s"], false).await;
    let doors = scene.opens(installation.url()).await;
    let left = left(&scene.issued["expires_at"]);
    assert!(scene.is_let_in(installation.url()).await, "its time is not over");
    let late = doors.shut("key_expired", Instant::now() + left).await;
    assert!(late <= WITHIN && !scene.is_let_in(installation.url()).await, "{late:?}");

    let scene = Scene::of("Replaced later", &[], false).await;
    let doors = scene.opens(installation.url()).await;
    let id = scene.agent.id();
    let rotate = ["agent", "key", "rotate", &id, &scene.key_id, "--overlap", "5s"];
    let left = self::left(&installation.json(&rotate).remove(0)["old_until"]);
    assert!(scene.is_let_in(installation.url()).await, "its time is not over");
    let late = doors.shut("key_invalid", Instant::now() + left).await;
    assert!(late <= WITHIN && !scene.is_let_in(installation.url()).await, "{late:?}");
}

/// How long it is until a moment.
fn left(moment: &Value) -> Duration {
    let moment = OffsetDateTime::parse(moment.as_str().unwrap(), &Rfc3339).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a key is good for a time")]
    let now = OffsetDateTime::now_utc();
    (moment - now).try_into().unwrap_or_default()
}
