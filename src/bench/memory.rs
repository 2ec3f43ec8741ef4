//! `tempchat bench memory`: resident memory of our own process, idle and with many silent listeners.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use command_service::Commands;
use domain::Target;
use http_body_util::BodyExt;
use nats::{Backbone, Carrier, Options, SessionCredentials};
use serde_json::json;
use servers::{DataDir, Running};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::chats;
use super::http::Connection;
use crate::cli::BenchMemory;
use crate::installation;

/// How long memory may go on changing before it is read.
const SETTLES: Duration = Duration::from_secs(3);

/// Starts `tempchat up` as a process of its own and reads what the kernel says of it.
pub(crate) async fn run(options: BenchMemory, as_json: bool) -> Result<()> {
    // The folder's own lock is for `up`; its place is what is wanted here.
    let place = DataDir::temporary()?;
    let folder = place.join("up");
    let mut up = start(&folder).await?;
    tokio::time::sleep(SETTLES).await;
    let idle = resident(&up.child)?;
    let (connected, sessions) = connect(&folder, up.gateway, options.connections).await?;
    tokio::time::sleep(SETTLES).await;
    let busy = resident(&up.child)?;
    drop(connected);
    nix::sys::signal::kill(pid(&up.child)?, nix::sys::signal::Signal::SIGINT)?;
    up.child.wait().await?;
    #[expect(clippy::cast_precision_loss, reason = "kilobytes are small")]
    let each = busy.saturating_sub(idle) as f64 / options.connections as f64;
    if as_json {
        println!(
            "{}",
            json!({"idle_kb": idle, "connections": options.connections, "sessions": sessions, "connected_kb": busy, "kb_per_connection": each})
        );
    } else {
        println!("idle: {:.1} MB resident", megabytes(idle));
        println!(
            "{} idle SSE connections on {sessions} sessions: {:.1} MB, {each:.1} kB each",
            options.connections,
            megabytes(busy)
        );
    }
    Ok(())
}

struct Up {
    child: Child,
    gateway: SocketAddr,
}

async fn start(folder: &Path) -> Result<Up> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["up", "--no-demo", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("the output is piped")?).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(url) = line.strip_prefix("ready http://") {
            return Ok(Up { child, gateway: url.parse()? });
        }
    }
    anyhow::bail!("`tempchat up` ended before it was ready")
}

/// Opens idle streams, each of a session of its own.
async fn connect(folder: &Path, gateway: SocketAddr, connections: usize) -> Result<(Vec<Held>, usize)> {
    let servers = Running::on(folder).context("`tempchat up` runs on the folder")?;
    let secrets = installation::read_secrets(folder)?;
    let backbone =
        Backbone::connect(Options::new(servers.nats_url.context("it has a server of its own")?, secrets.clone())).await?;
    let commands = Commands::new(backbone.clone(), chats::policy());
    let sessions = chats::make(&backbone, &commands, 64, connections).await?;
    let credentials = SessionCredentials::new(&secrets);
    let mut open = Vec::with_capacity(connections);
    for session in &sessions {
        let Target::Session(id) = session.target else { continue };
        let credential = credentials.issue(Carrier::Bearer, session.agent, id, chats::DEVICE);
        let mut connection = Connection::open(gateway).await?;
        let mut stream = connection.stream(&format!("/api/v1/sessions/{id}/events"), &credential).await?;
        // The first frame says that the server has set everything up.
        stream.body_mut().frame().await.context("a stream begins with a frame")??;
        open.push(Held { _connection: connection, _stream: stream });
    }
    backbone.drain().await;
    Ok((open, sessions.len()))
}

/// A stream that is kept open.
struct Held {
    _connection: Connection,
    _stream: hyper::Response<hyper::body::Incoming>,
}

/// Reads `VmRSS` of a process in kilobytes (proc(5)).
fn resident(child: &Child) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid(child)?))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

fn pid(child: &Child) -> Result<nix::unistd::Pid> {
    Ok(nix::unistd::Pid::from_raw(i32::try_from(child.id().context("the process runs")?)?))
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes are small")]
fn megabytes(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1_024.0
}
