//! `tempchat stdio` and `tempchat mcp-config`: hosts that know commands, not addresses.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::service::ClientLifecycleMode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines, copy};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use url::Url;

use super::support::{Agent, Folder, Installation, Process, soon, until};

/// Starts a bridge for an agent; with an address, as whom its environment says.
fn start(folder: &Folder, environment: &[(&str, &str)]) -> Child {
    let mut command = Command::from(Process::command(folder, &["stdio"]));
    command.envs(environment.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap()
}

/// A host that writes and reads lines.
struct Host {
    _bridge: Child,
    say: ChildStdin,
    hear: Lines<BufReader<ChildStdout>>,
}

impl Host {
    fn of(mut bridge: Child) -> Self {
        let hear = BufReader::new(bridge.stdout.take().unwrap()).lines();
        Self { say: bridge.stdin.take().unwrap(), hear, _bridge: bridge }
    }

    async fn say(&mut self, line: &str) {
        self.say.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    }

    async fn call(&mut self, id: u32, tool: &str, arguments: &Value) {
        let params = json!({"name": tool, "arguments": arguments});
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}).to_string()).await;
    }

    async fn hear(&mut self) -> Value {
        let line = soon("a line of the bridge", self.hear.next_line()).await.unwrap().expect("it goes on");
        serde_json::from_str(&line).unwrap()
    }
}

#[tokio::test]
async fn an_agent_whose_host_speaks_stdio_only_chats() {
    let installation = Installation::shared();
    let preferred_versions = vec![rmcp::model::ProtocolVersion::V_2026_07_28];
    for era in [ClientLifecycleMode::Initialize, ClientLifecycleMode::Discover { preferred_versions }] {
        let mut bridge = start(installation.folder(), &[]);
        let transport = (bridge.stdout.take().unwrap(), bridge.stdin.take().unwrap());
        let agent = Agent::over(transport, installation.key(), era).await;
        let link = agent.link(json!({})).await;
        let chatter = installation.visitor().enter(&link).await;
        let after = agent.wait(&link, Some(&link["next_cursor"])).await["next_cursor"].clone();
        // A long wait holds up nothing else.
        let (heard, ()) = tokio::join!(agent.wait(&link, Some(&after)), async {
            let got = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
            assert_eq!(got["counts"]["sessions_active"], 1);
            chatter.say("Is anybody there?").await;
        });
        assert_eq!(heard["events"][0]["data"]["text"], "Is anybody there?");
        agent.say(&chatter.session, "Yes").await;
        assert!(chatter.words().await.contains(&("agent".to_owned(), "Yes".to_owned())));
    }
}

/// Stands before a server, lets every request through, and breaks the connection when the answer comes.
async fn breaks_before(server: &str) -> (String, Arc<AtomicUsize>) {
    let server = Url::parse(server).unwrap().socket_addrs(|| None).unwrap()[0];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let broken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&broken);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from_client, _to_client) = client.into_split();
            let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
            tokio::select! {
                answer = from_server.read_u8() => { answer.unwrap(); }
                _ = copy(&mut from_client, &mut to_server) => {}
            }
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, broken)
}

#[tokio::test]
async fn a_call_whose_connection_breaks_is_not_sent_twice() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Behind a bad network").await;
    let (url, broken) = breaks_before(installation.url()).await;
    let mut host = Host::of(start(&Folder::new(), &[("TEMPCHAT_URL", &url), ("TEMPCHAT_KEY", agent.key())]));
    host.call(1, "temp_chat_create_link", &json!({"title": "Once"})).await;
    let answer = host.hear().await;
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(1), &json!(-32_000)), "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("idempotency_key"), "{answer}");
    assert_eq!(broken.load(Ordering::SeqCst), 1);
    let links = agent.ask("temp_chat_list_links", json!({})).await;
    assert_eq!(links["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_host_is_told_what_is_wrong() {
    let installation = Installation::shared();
    let wrong_key = installation.key().replace("tc_2_", "tc_2_x");
    let mut host = Host::of(start(&Folder::new(), &[("TEMPCHAT_URL", installation.url()), ("TEMPCHAT_KEY", &wrong_key)]));
    host.call(1, "temp_chat_list_links", &json!({})).await;
    let answer = host.hear().await;
    assert!(answer["error"]["message"].as_str().unwrap().starts_with("key_invalid: "), "{answer}");
    host.say("no JSON").await;
    assert_eq!(host.hear().await["error"]["code"], -32_700);

    // Nobody else can listen there meanwhile.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let nowhere = format!("http://{}", taken.local_addr().unwrap());
    let mut host = Host::of(start(&Folder::new(), &[("TEMPCHAT_URL", &nowhere), ("TEMPCHAT_KEY", installation.key())]));
    host.call(1, "temp_chat_list_links", &json!({})).await;
    let answer = host.hear().await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("Nothing was done"), "{answer}");
}

#[tokio::test]
async fn a_call_that_the_host_gives_up_frees_its_place() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let mut host = Host::of(start(installation.folder(), &[]));
    host.call(1, "temp_chat_wait_for_messages", &json!({"link_id": link["link_id"], "timeout_seconds": 50})).await;
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    host.say(&cancelled.to_string()).await;
    host.call(2, "temp_chat_get_link", &json!({"link_id": link["link_id"]})).await;
    assert_eq!(host.hear().await["id"], 2);
}

#[tokio::test]
async fn a_pipe_gets_its_answers_though_it_has_closed_its_end() {
    let call = |id: u32, method: &str, params: Value| json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
    let wait = json!({"name": "temp_chat_wait_for_messages", "arguments": {"timeout_seconds": 50}});
    let lines = [call(1, "tools/list", json!({})), call(2, "tools/call", wait), call(3, "prompts/list", json!({}))];
    let input = lines.map(|line| line.to_string() + "\n").concat();
    // A machine that is too busy to answer in the time that the bridge still takes gets another chance.
    until("all but what takes long", async || {
        let mut bridge = start(Installation::shared().folder(), &[]);
        bridge.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
        let output = soon("the end of the bridge", bridge.wait_with_output()).await.unwrap();
        let heard = String::from_utf8(output.stdout).unwrap();
        let ids: Vec<_> = heard.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["id"].clone()).collect();
        assert!(output.status.success(), "{heard}");
        // What takes long is given up with the host.
        (ids.contains(&json!(1)) && ids.contains(&json!(3))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_printed_configuration_works_as_it_stands() {
    let installation = Installation::shared();
    for client in ["claude-code", "cursor", "vs-code", "codex", "gemini-cli"] {
        let printed = installation.json(&["mcp-config", client]).remove(0)["configuration"].to_string();
        assert!(printed.contains(&format!("{}/mcp", installation.url())) && printed.contains(installation.key()), "{printed}");
    }
    let desktop = installation.json(&["mcp-config", "claude-desktop"]).remove(0);
    let bridge = &desktop["configuration"]["mcpServers"]["tempchat"];
    assert_eq!(&installation.json(&["mcp-config", "stdio"])[0]["configuration"], bridge);
    let mut command = Command::new(bridge["command"].as_str().unwrap());
    command.args(bridge["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap()));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut host = Host::of(command.spawn().unwrap());
    host.say(&json!({"jsonrpc": "2.0", "id": "a", "method": "tools/list"}).to_string()).await;
    let answer = host.hear().await;
    assert!(answer["result"]["tools"].as_array().unwrap().len() >= 11, "{answer}");

    let other = installation.json(&["mcp-config", "stdio", "--url", "https://chat.example/", "--key", "tc_1_a_b_c"]).remove(0);
    let environment = json!({"TEMPCHAT_URL": "https://chat.example", "TEMPCHAT_KEY": "tc_1_a_b_c"});
    assert_eq!(other["configuration"]["env"], environment);
}

#[test]
fn without_a_key_it_says_where_one_is() {
    let folder = Folder::new();
    let output = Process::command(&folder, &["mcp-config", "cursor"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && told.contains("--data") && told.contains("TEMPCHAT_KEY"), "{told}");
}
