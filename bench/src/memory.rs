//! `./dev bench memory`: resident memory of `tempchat up`, idle and with many idle event streams.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use domain::Target;
use http_body_util::BodyExt;
use nats::{Carrier, SessionCredentials};
use serde_json::json;
use servers::DataDir;

use crate::http::Connection;
use crate::sessions;
use crate::tempchat_process::{TempchatProcess, beside, megabytes};

/// How long memory may go on changing before it is read.
const SETTLES: Duration = Duration::from_secs(3);

/// Options of `./dev bench memory`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Idle SSE connections
    #[arg(long, default_value_t = 5_000)]
    connections: usize,
}

/// Starts `tempchat up` as a process of its own and reads what the kernel says of it.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    // `up` locks its folder itself, so it gets one inside of ours.
    let place = DataDir::temporary()?;
    let folder = place.join("up");
    let up = TempchatProcess::start(&folder).await?;
    tokio::time::sleep(SETTLES).await;
    let idle = up.resident()?;
    let (connected, sessions) = connect(&folder, up.gateway, options.connections).await?;
    tokio::time::sleep(SETTLES).await;
    let busy = up.resident()?;
    drop(connected);
    up.stop().await?;
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

/// Opens idle streams, each of a session of its own.
async fn connect(folder: &Path, gateway: SocketAddr, connections: usize) -> Result<(Vec<OpenStream>, usize)> {
    let (backbone, commands, secrets) = beside(folder).await?;
    let made = sessions::make(&backbone, &commands, 64, connections).await?;
    let credentials = SessionCredentials::new(&secrets);
    let mut open = Vec::with_capacity(connections);
    for session in &made {
        let Target::Session(id) = session.target else { continue };
        let credential = credentials.issue(Carrier::Bearer, session.agent, id, sessions::DEVICE);
        let mut connection = Connection::open(gateway).await?;
        let mut stream = connection.stream(&format!("/api/v1/sessions/{id}/events"), &credential).await?;
        // The first frame says that the server has set everything up.
        stream.body_mut().frame().await.context("a stream begins with a frame")??;
        open.push(OpenStream { _connection: connection, _stream: stream });
    }
    backbone.drain().await;
    Ok((open, made.len()))
}

/// A stream that is kept open.
struct OpenStream {
    _connection: Connection,
    _stream: hyper::Response<hyper::body::Incoming>,
}
