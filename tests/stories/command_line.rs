//! The command line beside a running installation.

use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use rmcp::ServiceExt;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::json;
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};

use crate::support::{Agent, Folder, Installation, Process, Visitor, processes_on, send, soon, until};

fn failure(output: &Output) -> String {
    assert!(!output.status.success());
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn up_prints_all_that_is_needed_to_begin() {
    let installation = Installation::shared();
    let said = installation.said();
    for needed in [installation.url(), "agent.key", "claude mcp add", "mcpServers", "mcp_servers.tempchat", "/mcp", "mcp-config"]
    {
        assert!(said.contains(needed), "{needed} in:\n{said}");
    }
    assert!(!said.contains(installation.key()), "what keeps what programs print gets no key");
    assert!(said.lines().last().unwrap().starts_with("ready"));
}

/// Starts on a terminal, and returns what stands on it when all is ready.
fn on_a_terminal(folder: &Folder, log_format: &str) -> String {
    let bare = Process::command(folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"]);
    let words: Vec<_> = std::iter::once(bare.get_program()).chain(bare.get_args()).map(|word| word.to_str().unwrap()).collect();
    let mut command = std::process::Command::new("script");
    command.args(["--quiet", "--command", &words.join(" "), "/dev/null"]);
    for (name, value) in bare.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.env("TEMPCHAT_LOG_FORMAT", log_format);
    let mut terminal = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    folder.keep(terminal.id());
    let mut seen = String::new();
    for line in BufReader::new(terminal.stdout.take().unwrap()).lines().map_while(Result::ok) {
        seen.push_str(&line);
        seen.push('\n');
        if line.trim_start_matches(|c: char| !c.is_ascii_alphabetic()).starts_with("ready ") {
            break;
        }
    }
    // Its end is that of the terminal, and of what runs there.
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    seen
}

#[tokio::test]
async fn the_agents_key_stands_on_a_terminal_once_and_in_no_log() {
    for (log_format, times) in [("text", 1), ("json", 0)] {
        let folder = Folder::new();
        let first = on_a_terminal(&folder, log_format);
        let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
        assert_eq!(first.matches(key.trim()).count(), times, "{first}");
        until("the end of what ran on the terminal", async || processes_on(&folder.data()).is_empty().then_some(())).await;
        let second = on_a_terminal(&folder, log_format);
        assert!(second.contains("ready ") && !second.contains(key.trim()), "{second}");
    }
}

#[test]
fn a_closed_pipe_ends_every_command_quietly() {
    let installation = Installation::shared();
    for arguments in [
        &["log", "show"][..],
        &["log", "verify"],
        &["log", "heads"],
        &["agent", "list"],
        &["agent", "webhook", "list"],
        &["schedule", "list"],
        &["prune", "--dry-run"],
        &["rebuild"],
        &["mcp-config", "cursor"],
        &["--json", "mcp-config", "cursor"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Process::command(installation.folder(), arguments).stdout(writer).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!error.contains("panicked") && !error.contains("error"), "{arguments:?}: {error}");
        // As a shell has it of whatever SIGPIPE ends: not 0, for nothing was proven.
        assert_eq!(output.status.code(), Some(128 + 13), "{arguments:?}");
    }
}

#[test]
fn a_webhook_that_would_never_be_called_is_refused_at_once() {
    let installation = Installation::shared();
    let agent = installation.json(&["agent", "add", "Sleeper"]).remove(0)["agent_id"].as_str().unwrap().to_owned();
    for (address, why) in [
        ("https://127.0.0.1/wake", "webhook_networks"),
        ("https://10.1.2.3/wake", "not a public address"),
        ("https://[::ffff:169.254.169.254]/wake", "not a public address"),
        ("https://localhost/wake", "not a public address"),
        ("http://1.1.1.1/wake", "https://"),
        ("http://hook.example/wake", "https://"),
    ] {
        let error = failure(&installation.run(&["agent", "webhook", "set", &agent, address]));
        assert!(error.contains("nothing was set") && error.contains(why), "{address}: {error}");
    }
    let nothing = failure(&installation.run(&["agent", "webhook", "set", &agent, "--show-secret"]));
    assert!(nothing.contains("there is no webhook"), "{nothing}");
    // A name that leads nowhere yet may lead somewhere later.
    installation.json(&["agent", "webhook", "set", &agent, "https://agent.example/wake"]);
}

#[test]
fn secrets_are_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let installation = Installation::shared();
    for file in ["agent.key", "secrets.json", "nats.url", "postgres.url"] {
        let mode = std::fs::metadata(installation.data().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
}

#[test]
fn a_second_instance_on_the_same_folder_is_told_who_has_it() {
    let installation = Installation::shared();
    let error = failure(&installation.run(&["up", "--listen", "127.0.0.1:0", "--no-demo"]));
    assert!(error.contains(installation.data().to_str().unwrap()), "{error}");
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn a_busy_port_is_told_with_the_way_out() {
    let installation = Installation::shared();
    let busy = installation.url().strip_prefix("http://").unwrap();
    let folder = Folder::new();
    let error = failure(&Process::command(&folder, &["up", "--no-demo", "--listen", busy]).output().unwrap());
    assert!(error.contains(busy) && error.contains("--listen"), "{error}");
}

#[test]
fn a_command_without_an_installation_says_what_to_start() {
    let folder = Folder::new();
    let error = failure(&Process::command(&folder, &["agent", "list"]).output().unwrap());
    assert!(error.contains("tempchat up") && error.contains("NATS_URL"), "{error}");
}

#[tokio::test]
async fn agents_and_keys_come_and_go() {
    let installation = Installation::shared();
    let added = installation.json(&["agent", "add", "Night shift"]).remove(0);
    let id = added["agent_id"].as_str().unwrap();
    let agent = Agent::connect(installation.url(), added["key"].as_str().unwrap()).await;
    assert_eq!(agent.id(), id);
    let issued = installation.json(&["agent", "key", "issue", id, "--name", "second"]).remove(0);
    let second = Agent::connect(installation.url(), issued["key"].as_str().unwrap()).await;
    // One team, the same links.
    let link = agent.link(json!({})).await;
    assert_eq!(second.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await["url"], link["url"]);

    installation.json(&["agent", "key", "revoke", id, added["key_id"].as_str().unwrap()]);
    let (visitor, call) = (installation.visitor(), json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}));
    let refused = until("the end of a key that another process revoked", async || {
        let request = visitor.request(http::Method::POST, "/mcp").bearer_auth(agent.key());
        let answer = send(request.json(&call)).await;
        (answer.status == 401).then_some(answer)
    });
    refused.await.refused(401, "key_invalid");
    second.ask("temp_chat_list_links", json!({})).await;

    let listed = installation.json(&["agent", "list"]).remove(0);
    let listed = listed.as_array().unwrap().iter().find(|agent| agent["agent_id"] == id).unwrap().clone();
    assert_eq!(listed["name"], "Night shift");
    let revoked: Vec<bool> = listed["keys"].as_array().unwrap().iter().map(|key| key["revoked"] == true).collect();
    assert_eq!(revoked.iter().filter(|revoked| **revoked).count(), 1);
    assert!(!listed.to_string().contains(agent.key()), "a key is shown once");
}

#[tokio::test]
async fn the_demo_agent_answers_on_its_link() {
    let folder = Folder::new();
    let process = Process::start(&folder, &["up", "--listen", "127.0.0.1:0"]);
    let url = process.url().unwrap();
    let link = process.said().lines().find(|line| line.contains("/temp-chat/")).unwrap().trim().to_owned();
    assert!(link.starts_with(url));
    let chatter = Visitor::new(url).enter(&json!({"url": link})).await;
    let mut stream = chatter.follow(chatter.joined["next_cursor"].as_str()).await;
    chatter.say("three small words").await;
    let answer = &stream.words(2).await[1];
    assert!(answer.contains("3 words"), "{answer}");
    // A stop complains of nothing of its own: the demo agent waits for words all the while.
    let (log, before) = (process.log().to_owned(), process.logged().len());
    assert_eq!(process.terminate().await.code(), Some(0));
    let logged = std::fs::read_to_string(log).unwrap();
    let complaints: Vec<_> =
        logged[before..].lines().filter(|line| line.contains(" ERROR ") || line.contains(" WARN ")).collect();
    assert_eq!(complaints, [""; 0]);
}

#[tokio::test]
async fn servers_of_ones_own_are_used_and_left_alone() {
    let data = DataDir::temporary().unwrap();
    let nats = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let postgres = Postgres::start(&data, PostgresOptions::default()).await.unwrap();
    let own = [("NATS_URL", nats.url()), ("DATABASE_URL", postgres.url())];
    let folder = Folder::new();
    let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0"], &own);
    assert_eq!(processes_on(folder.path()).len(), 1, "nothing runs on the folder but tempchat itself");
    let listed = Process::command(&folder, &["--json", "agent", "list"]).envs(own).output().unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2, "the folder's agent and the demo agent");
    assert_eq!(process.interrupt().await.code(), Some(0));

    // Started again, it finds everything there.
    let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
    let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"], &own);
    assert_eq!(std::fs::read_to_string(folder.data().join("agent.key")).unwrap(), key);
    assert_eq!(process.interrupt().await.code(), Some(0));
    postgres.stop().await;
    nats.stop().await;
}

#[tokio::test]
async fn the_tools_are_those_of_the_contract() {
    let installation = Installation::shared();
    let config =
        StreamableHttpClientTransportConfig::with_uri(format!("{}/mcp", installation.url())).auth_header(installation.key());
    let client = soon("MCP", ().serve(StreamableHttpClientTransport::from_config(config))).await.unwrap();
    let tools = client.list_all_tools().await.unwrap();
    let mut names: Vec<&str> = tools.iter().map(|tool| tool.name.strip_prefix("temp_chat_").unwrap()).collect();
    names.sort_unstable();
    let expected = [
        "create_link",
        "end_session",
        "erase_session",
        "get_analytics",
        "get_link",
        "list_links",
        "list_sessions",
        "read_messages",
        "revoke_link",
        "send_message",
        "update_link",
        "wait_for_messages",
    ];
    for name in expected {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert!(tools.iter().all(|tool| tool.description.as_ref().is_some_and(|words| words.len() > 40)));
}
