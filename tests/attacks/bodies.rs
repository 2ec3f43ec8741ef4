//! Doors that no body can break: JSON made to overflow the stack, at every door that reads JSON from outside.

use std::process::Stdio;

use data_encoding::BASE64URL_NOPAD;
use http::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::{
    Agent, Answer, Authority, Folder, Mood, Process, Signer, Visitor, bomb, nested, send, soon, token_of, uuid,
};

/// A service of its own, since it may end: one that trusts an authorization server.
struct Scene {
    authority: Authority,
    signer: Signer,
    folder: Folder,
    process: Process,
    key: String,
}

impl Scene {
    async fn start() -> Self {
        let signer = Signer::new("one", 1);
        let authority = Authority::start(&[&signer]).await;
        let folder = Folder::new();
        let _already = rustls::crypto::ring::default_provider().install_default();
        let trusted = [("TEMPCHAT_AUTHORIZATION_SERVER", authority.issuer.as_str())];
        let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"], &trusted);
        let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap().trim().to_owned();
        Self { authority, signer, folder, process, key }
    }

    fn url(&self) -> &str {
        self.process.url().unwrap()
    }

    async fn mcp(&self, bearer: &str, body: String) -> Answer {
        let request = Visitor::new(self.url()).request(Method::POST, "/mcp").bearer_auth(bearer);
        let request = request.header("accept", "application/json, text/event-stream").header("content-type", "application/json");
        send(request.body(body)).await
    }

    /// Whatever came in, the process answers.
    async fn lives(&self, door: &str) {
        let answer = Visitor::new(self.url()).get("/healthz").await;
        assert_eq!(answer.status, 200, "after {door}");
    }
}

/// Bodies that an unbounded reader follows too far: by arrays alone, and through texts that it might parse again.
fn bombs() -> Vec<String> {
    let mut bombs = vec![nested("", 20_000), nested(r#"{"a":"#, 20_000)];
    for key in ["$serde_json::private::RawValue", r"\u0024serde_json::private::RawValue", "$serde_json::private::Number"] {
        bombs.extend([1, 60, 120].map(|arrays| bomb(key, arrays, 100_000)));
    }
    bombs
}

#[tokio::test]
async fn what_chatters_post_stops_nothing() {
    let scene = Scene::start().await;
    let agent = Agent::connect(scene.url(), &scene.key).await;
    let link = agent.link(json!({})).await;
    let chatter = Visitor::new(scene.url()).enter(&link).await;
    let asked = json!({"session_id": chatter.session, "fields": [{"key": "a", "label": "A?", "type": "text"}]});
    let question = agent.ask("temp_chat_ask", asked).await["sent"]["question_id"].clone();
    let hostile = |door: &str, bomb: &str| match door {
        "/answers" => format!(r#"{{"client_message_id":"{}","question_id":{question},"values":{{"a":{bomb}}}}}"#, uuid()),
        "/messages" => format!(r#"{{"client_message_id":"{}","text":{bomb}}}"#, uuid()),
        _ => bomb.to_owned(),
    };
    for bomb in bombs() {
        for door in ["/answers", "/messages", "/typing", "/read", "/handoff", "/end"] {
            for body in [hostile(door, &bomb), bomb.clone()] {
                let request = chatter.request(Method::POST, door).header("content-type", "application/json").body(body);
                let answer = send(request).await;
                // A hand-off has no body to read.
                assert!(door == "/handoff" || answer.status == 422 || answer.status == 429, "{door}: {}", answer.text());
                scene.lives(door).await;
            }
        }
        let visitor = Visitor::new(scene.url());
        for (door, body) in [
            ("/api/v1/links/inspect", format!(r#"{{"token":"{}","extra":{bomb}}}"#, token_of(&link))),
            ("/api/v1/sessions", format!(r#"{{"token":"{}","client_id":"{}","extra":{bomb}}}"#, token_of(&link), uuid())),
        ] {
            let request = visitor.request(Method::POST, door).header("content-type", "application/json").body(body);
            send(request).await;
            scene.lives(door).await;
        }
    }
    assert_eq!(chatter.look().await["status"], "active");
}

#[tokio::test]
async fn what_agents_call_with_stops_nothing() {
    let scene = Scene::start().await;
    let agent = Agent::connect(scene.url(), &scene.key).await;
    let link = agent.link(json!({})).await;
    let session = Visitor::new(scene.url()).enter(&link).await.session;
    for bomb in bombs() {
        let arguments = format!(r#"{{"session_id":"{session}","fields":{bomb}}}"#);
        for (door, params) in [
            ("a tool", format!(r#"{{"name":"temp_chat_ask","arguments":{arguments}}}"#)),
            ("no tool", format!(r#"{{"name":"temp_chat_none","arguments":{bomb}}}"#)),
            ("metadata", format!(r#"{{"name":"temp_chat_list_links","arguments":{{}},"_meta":{bomb}}}"#)),
            ("parameters", bomb.clone()),
        ] {
            let call = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            let told: Value = serde_json::from_slice(&scene.mcp(&scene.key, call).await.body).unwrap_or_default();
            assert!(told.get("error").is_some() || told["result"]["isError"] == true || door == "metadata", "{door}: {told}");
            scene.lives(door).await;
        }
        scene.mcp(&scene.key, bomb).await;
        scene.lives("a message that is none").await;
    }
    let deep = scene.mcp(&scene.key, nested("", 65)).await;
    assert_eq!(deep.status, 400);
    let told: Value = serde_json::from_slice(&deep.body).unwrap();
    assert_eq!((&told["error"]["code"], &told["id"]), (&json!(-32_600), &Value::Null), "{told}");
    let broken = scene.mcp(&scene.key, r#"{"jsonrpc":"#.to_owned()).await;
    let told: Value = serde_json::from_slice(&broken.body).unwrap();
    assert_eq!((broken.status.as_u16(), &told["error"]["code"]), (400, &json!(-32_700)), "{told}");
    // What has no body is no broken message: clients ask whether there is a stream.
    let stream = Visitor::new(scene.url()).request(Method::GET, "/mcp").bearer_auth(&scene.key);
    assert_eq!(send(stream.header("accept", "text/event-stream")).await.status, 405);
}

#[tokio::test]
async fn what_an_authorization_server_says_stops_nothing() {
    let scene = Scene::start().await;
    let agent = Agent::connect(scene.url(), &scene.key).await;
    let list = || json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    // Claims come in a header, which is shorter than a body.
    for arrays in [1, 60, 120] {
        let claims = bomb("$serde_json::private::RawValue", arrays, 4_000);
        for claims in [format!(r#"{{"scope":{claims}}}"#), claims] {
            let head = BASE64URL_NOPAD.encode(br#"{"alg":"EdDSA","kid":"one"}"#);
            let token = format!("{head}.{}.{}", BASE64URL_NOPAD.encode(claims.as_bytes()), BASE64URL_NOPAD.encode(&[0; 64]));
            assert_eq!(scene.mcp(&token, list()).await.status, 401);
            scene.lives("a token").await;
        }
    }
    let claims = scene.authority.claims(&agent.id(), &format!("{}/mcp", scene.url()), "read");
    scene.authority.takes_to(Mood::Bombs);
    let refused = scene.mcp(&scene.signer.sign(&claims), list()).await;
    assert!(refused.status.is_client_error() || refused.status.is_server_error(), "{}", refused.text());
    scene.lives("keys").await;
}

#[tokio::test]
async fn what_a_host_writes_to_the_bridge_stops_nothing() {
    let scene = Scene::start().await;
    let mut command = Command::from(Process::command(&scene.folder, &["stdio"]));
    let mut bridge =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
    let mut lines = bombs().join("\n");
    lines.push_str("\n{\"jsonrpc\":\"2.0\",\"id\":\"last\",\"method\":\"ping\"}\n");
    let mut say = bridge.stdin.take().unwrap();
    let writing = tokio::spawn(async move { say.write_all(lines.as_bytes()).await });
    let said = soon("the bridge's answers", bridge.wait_with_output()).await.unwrap();
    writing.await.unwrap().unwrap();
    assert!(said.status.success(), "{:?}", said.status);
    assert!(String::from_utf8_lossy(&said.stdout).lines().any(|line| line.contains(r#""id":"last""#)));
}
