//! What `up` started heals by itself: a server that dies is started again, and a log whose disk was full is written to again.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::{Agent, Answer, Folder, Installation, Process, Visitor, until};

/// The part of `/readyz` with a name.
fn part(ready: &Value, name: &str) -> Value {
    ready["parts"].as_array().unwrap().iter().find(|part| part["name"] == name).cloned().unwrap_or_default()
}

async fn ready(visitor: &Visitor) -> Answer {
    visitor.get("/readyz").await
}

/// Kills a server as an accident would; while the lock of its files is held, none is started again.
fn kill_and_hold(installation: &Installation, logged: &str, lock: &str) -> File {
    let log = installation.logged();
    let line = log.lines().rev().find(|line| line.contains(logged)).unwrap();
    let pid = line.split("pid=").nth(1).unwrap().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    kill(Pid::from_raw(pid.parse().unwrap()), Signal::SIGKILL).unwrap();
    let lock = File::options().write(true).open(installation.data().join(lock)).unwrap();
    lock.lock().unwrap();
    lock
}

/// Waits until readiness names a part as the one that fails, with when to come back.
async fn is_named(visitor: &Visitor, name: &str) {
    until(name, async || {
        let answer = ready(visitor).await;
        if answer.status != 503 {
            return None;
        }
        assert!(answer.header("retry-after").is_some());
        let named = part(&answer.expect(503), name);
        (named["ready"] == false && named["detail"].as_str().unwrap().contains("started again")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_dies_is_named_and_started_again_while_everybody_is_answered() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.say("before").await;
    let visitor = installation.visitor();

    let held = kill_and_hold(&installation, "nats-server is ready", "nats.lock");
    is_named(&visitor, "nats-server").await;
    let refused =
        chatter.post("/messages", &json!({"client_message_id": "00000000-0000-4000-8000-000000000001", "text": "hm"})).await;
    refused.refused(503, "unavailable");
    drop(held);
    until("all is well", async || (ready(&visitor).await.status == 200).then_some(())).await;
    chatter.say("after the log's").await;

    let held = kill_and_hold(&installation, "PostgreSQL is ready", "postgres.lock");
    is_named(&visitor, "postgres-server").await;
    chatter.get("/messages?limit=5").await.refused(503, "unavailable");
    drop(held);
    until("all is well", async || (ready(&visitor).await.status == 200).then_some(())).await;
    chatter.say("after the rows'").await;
    let heard = until("every word in the rows", async || {
        let read = agent.ask("temp_chat_read_messages", json!({"session_id": chatter.session})).await.to_string();
        read.contains("after the rows'").then_some(read)
    })
    .await;
    assert!(heard.contains("before") && heard.contains("after the log's"));
    let logged = installation.logged();
    for named in ["server=\"nats-server\"", "server=\"postgres-server\"", "killed by SIGKILL"] {
        assert!(logged.contains(named), "{named}");
    }
}

/// Fills a disk to its last byte.
fn fill(path: &std::path::Path) {
    let mut ballast = File::create(path).unwrap();
    for size in [1 << 20, 4_096, 1] {
        while ballast.write_all(&vec![1; size]).is_ok() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_disk_was_full_is_written_to_again() {
    if !Process::may_mount() {
        return println!("not told: this machine lets nobody mount a small disk (unshare --mount)");
    }
    let folder = Folder::new();
    let small = [("TEMPCHAT_SHARDS", "1"), ("TEMPCHAT_SHARD_SIZE", "16MiB")];
    let process = Process::start_on_small_disk(&folder, 512, &["up", "--listen", "127.0.0.1:0", "--no-demo"], &small);
    let (url, data) = (process.url().unwrap().to_owned(), process.inside(&folder.data()));
    let key = fs::read_to_string(data.join("agent.key")).unwrap();
    let agent = Agent::connect(&url, key.trim()).await;
    let link = agent.link(json!({"max_messages_per_session": 1000, "messages_per_minute": 100})).await;
    let chatter = Visitor::new(&url).enter(&link).await;
    chatter.say("before").await;
    let visitor = Visitor::new(&url);
    assert_eq!(ready(&visitor).await.status, 200);

    let ballast = data.join("ballast");
    fill(&ballast);
    // The last page of a file may take some more.
    let mut number = 0;
    let say = async |number: u32| {
        let id = format!("00000000-0000-4000-8000-{number:012}");
        chatter.post("/messages", &json!({"client_message_id": id, "text": "x".repeat(2_000)})).await
    };
    while say(number).await.status == 201 {
        number += 1;
    }
    let failed = Instant::now();
    let why = until("the log as the part that fails", async || {
        let answer = ready(&visitor).await;
        (answer.status == 503).then(|| part(&answer.expect(503), "log")).filter(|log| log["ready"] == false)
    })
    .await;
    assert!(failed.elapsed() < Duration::from_secs(5), "{:?}", failed.elapsed());
    assert!(why["detail"].as_str().unwrap().contains("EVENTS-0"), "{why}");

    fs::remove_file(&ballast).unwrap();
    let there_is_room = Instant::now();
    until("a word that is stored", async || (say(number).await.status == 201).then_some(())).await;
    assert!(there_is_room.elapsed() < Duration::from_secs(30), "{:?}\n{}", there_is_room.elapsed(), process.logged());
    until("all is well", async || (ready(&visitor).await.status == 200).then_some(())).await;
    chatter.say("after").await;
    assert_eq!(process.interrupt().await.code(), Some(0));
}
