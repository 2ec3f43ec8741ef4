//! No server outlives its supervisor, not even one that is killed without a word.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{sys::signal::kill, unistd::Pid};
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};

/// Names the folder to the process that plays the supervisor; empty: a temporary one.
const FOLDER: &str = "TEMPCHAT_TEST_FOLDER";

/// Not a test but the other process of the tests below, started by them.
#[tokio::test]
#[ignore = "the tests of this file start it, and kill it"]
async fn supervisor() {
    let folder = env::var(FOLDER).expect("started by a test of this file");
    let data = if folder.is_empty() { DataDir::temporary() } else { DataDir::open(Path::new(&folder)) }.unwrap();
    let nats = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let postgres = Postgres::start(&data, PostgresOptions { durable: false, ..PostgresOptions::default() }).await.unwrap();
    println!("\nstarted {} {} {}", nats.pid(), postgres.pid(), data.path().display());
    std::future::pending::<()>().await;
}

/// Starts [`supervisor`], kills it with `kill -9` once its servers run, and returns their process ids and folder.
fn kill_a_supervisor(folder: &Path) -> ([Pid; 2], String) {
    let mut supervisor = Command::new(env::current_exe().expect("the test has a path"))
        .args(["--exact", "supervisor", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test can start itself");
    let mut lines = BufReader::new(supervisor.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
    let started = lines.find_map(|line| line.strip_prefix("started ").map(str::to_owned)).expect("the servers start");
    let [nats, postgres, folder] = started.split(' ').collect::<Vec<_>>()[..] else { unreachable!("{started}") };
    let pids = [nats, postgres].map(|pid| Pid::from_raw(pid.parse().expect("a process id")));
    for pid in pids {
        kill(pid, None).expect("the server runs");
    }
    supervisor.kill().expect("it still runs");
    supervisor.wait().expect("it is our child");
    (pids, folder.to_owned())
}

fn wait_until(what: &str, so: impl Fn() -> bool) {
    let started = Instant::now();
    while !so() {
        assert!(started.elapsed() < Duration::from_mins(2), "not within two minutes: {what}");
        thread::yield_now();
    }
}

#[test]
fn a_killed_supervisor_leaves_no_server_and_no_temporary_file() {
    let (pids, folder) = kill_a_supervisor(Path::new(""));
    for pid in pids {
        wait_until("the server ends", || kill(pid, None).is_err());
    }
    wait_until("the folder goes", || !fs::exists(&folder).unwrap());
}

#[tokio::test]
async fn the_next_supervisor_waits_for_the_servers_of_a_killed_one() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    let (pids, _) = kill_a_supervisor(&folder);
    let data = DataDir::open(&folder).unwrap();
    let nats = NatsServer::start(&data, NatsOptions::default()).await.unwrap();
    let postgres = Postgres::start(&data, PostgresOptions::default()).await.unwrap();
    for pid in pids {
        wait_until("the server of before ends", || kill(pid, None).is_err());
    }
    postgres.stop().await;
    nats.stop().await;
}
