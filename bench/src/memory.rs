//! `./dev bench memory`: resident memory of `tempchat up`, idle, with many idle event streams and slow connections, and after
//! them; and what honest chatters feel of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use domain::Target;
use hdrhistogram::Histogram;
use http_body_util::BodyExt;
use nats::{Carrier, SessionCredentials};
use serde_json::json;
use servers::DataDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, interval, sleep};

use crate::clients::Chatter;
use crate::http::Connection;
use crate::load;
use crate::sessions;
use crate::tempchat_process::{TempchatProcess, beside, megabytes};

/// How long memory may go on changing before it is read.
const SETTLES: Duration = Duration::from_secs(3);
/// How long what was freed may take to go back to the system.
const GIVEN_BACK: Duration = Duration::from_mins(2);
/// How often one of the honest chatters writes, and how many times in each phase.
const PAUSE: Duration = Duration::from_millis(100);
const POSTS: usize = 300;
/// How many they are: each writes about as often as a person may.
const HONEST: usize = 60;
/// Clients of one address: the service allows it 4,096 streams.
const PER_ADDRESS: usize = 1_000;

/// Options of `./dev bench memory`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Idle SSE connections
    #[arg(long, default_value_t = 5_000)]
    connections: usize,
    /// Connections that begin a request and never end it
    #[arg(long, default_value_t = 500)]
    slow: usize,
}

/// Starts `tempchat up` as a process of its own and reads what the kernel says of it.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    // `up` locks its folder itself, so it gets one inside of ours.
    let place = DataDir::temporary()?;
    let folder = place.join("up");
    let up = TempchatProcess::start(&folder).await?;
    sleep(SETTLES).await;
    let idle = up.resident()?;
    let sessions = make_sessions(&folder, up.gateway, options.connections).await?;
    // The sessions were made beside it: what it knows of them comes with the streams.
    let (connected, honest) = (&sessions.streams, &sessions.honest);
    let alone = post(honest, "alone").await?;
    let warm = up.resident()?;
    let open = connect(up.gateway, connected).await?;
    sleep(SETTLES).await;
    let busy = up.resident()?;
    let beside_streams = post(honest, "beside").await?;
    let slow = send_slowly(up.gateway, options.slow).await?;
    let beside_slow = post(honest, "slow").await?;
    let streams = open.len();
    drop(open);
    drop(slow);
    let (after, took) = given_back(&up, warm).await?;
    up.stop().await?;
    #[expect(clippy::cast_precision_loss, reason = "kilobytes are small")]
    let each = busy.saturating_sub(warm) as f64 / options.connections.max(1) as f64;
    let p99 = |micros: &Histogram<u64>| load::millis(micros, 0.99);
    if as_json {
        println!(
            "{}",
            json!({
                "idle_kb": idle, "connections": streams, "slow": options.slow, "warm_kb": warm, "connected_kb": busy,
                "kb_per_connection": each, "after_kb": after, "given_back_after_s": took.as_secs_f64(),
                "post_p99_ms": {"alone": p99(&alone), "beside_streams": p99(&beside_streams), "beside_slow": p99(&beside_slow)},
            })
        );
    } else {
        println!("memory: {:.1} MB idle, {:.1} MB with chatters who write", megabytes(idle), megabytes(warm));
        println!("{streams} idle SSE connections, each of its own session: {:.1} MB, {each:.1} kB each", megabytes(busy));
        println!("{:.0} s after all of them have gone: {:.1} MB", took.as_secs_f64(), megabytes(after));
        println!(
            "POST of honest chatters, p50 / p99 in ms: {} alone; {} beside the streams; {} beside {} slow connections, too",
            both(&alone),
            both(&beside_streams),
            both(&beside_slow),
            options.slow
        );
    }
    Ok(())
}

fn both(micros: &Histogram<u64>) -> String {
    format!("{:.2} / {:.2}", load::millis(micros, 0.5), load::millis(micros, 0.99))
}

/// What is measured with.
struct Sessions {
    /// The address of each event stream, and its credential.
    streams: Vec<(String, String)>,
    honest: Vec<Chatter>,
}

async fn make_sessions(folder: &Path, gateway: SocketAddr, streams: usize) -> Result<Sessions> {
    let (backbone, commands, secrets) = beside(folder).await?;
    let made = sessions::make(&backbone, &commands, 64, streams + HONEST).await?;
    let credentials = SessionCredentials::new(&secrets);
    let mut honest = Vec::with_capacity(HONEST);
    let mut paths = Vec::with_capacity(streams);
    for session in &made {
        let Target::Session(id) = session.target else { continue };
        if honest.len() < HONEST {
            honest.push(Chatter::of(&credentials, session.agent, id, gateway));
            continue;
        }
        let credential = credentials.issue(Carrier::Bearer, session.agent, id, sessions::DEVICE);
        paths.push((format!("/api/v1/sessions/{id}/events"), credential));
    }
    backbone.drain().await;
    Ok(Sessions { streams: paths, honest })
}

/// Opens idle streams, each of a session of its own.
async fn connect(gateway: SocketAddr, streams: &[(String, String)]) -> Result<Vec<OpenStream>> {
    let mut open = Vec::with_capacity(streams.len());
    for (number, (path, credential)) in streams.iter().enumerate() {
        let mut connection = Connection::open_from(Some(address(number)), gateway).await?;
        let mut stream = connection.stream(path, credential).await?;
        // The first frame says that the server has set everything up.
        stream.body_mut().frame().await.context("a stream begins with a frame")??;
        open.push(OpenStream { _connection: connection, _stream: stream });
    }
    Ok(open)
}

/// Begins requests that never end: half of them in their head, half in their body.
async fn send_slowly(gateway: SocketAddr, connections: usize) -> Result<Vec<TcpStream>> {
    let mut slow = Vec::with_capacity(connections);
    for number in 0..connections {
        let socket = TcpSocket::new_v4()?;
        socket.bind((address(number), 0).into())?;
        let mut stream = socket.connect(gateway).await?;
        let head = format!("POST /api/v1/links/inspect HTTP/1.1\r\nHost: {gateway}\r\nContent-Type: application/json\r\n");
        let rest = if number % 2 == 0 { "X: " } else { "Content-Length: 1000\r\n\r\n{\"token\":\"" };
        stream.write_all(format!("{head}{rest}").as_bytes()).await?;
        slow.push(stream);
    }
    Ok(slow)
}

fn address(number: usize) -> IpAddr {
    let host = u8::try_from(number / PER_ADDRESS % 250).unwrap_or_default();
    Ipv4Addr::new(127, 4, 0, host + 1).into()
}

/// Lets the honest chatters write in turns, and times each message.
async fn post(honest: &[Chatter], phase: &str) -> Result<Histogram<u64>> {
    let mut micros = load::histogram();
    let mut tick = interval(PAUSE);
    for (number, chatter) in honest.iter().cycle().take(POSTS).enumerate() {
        tick.tick().await;
        let began = Instant::now();
        chatter.post(&format!("{phase}-{number}"), "Are you there?").await?;
        micros.saturating_record(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(micros)
}

/// Waits until memory is back within a tenth of what it was, or for as long as that may take.
async fn given_back(up: &TempchatProcess, before: u64) -> Result<(u64, Duration)> {
    let began = Instant::now();
    loop {
        sleep(Duration::from_secs(2)).await;
        let now = up.resident()?;
        if now <= before + before / 10 || began.elapsed() >= GIVEN_BACK {
            return Ok((now, began.elapsed()));
        }
    }
}

/// A stream that is kept open.
struct OpenStream {
    _connection: Connection,
    _stream: hyper::Response<hyper::body::Incoming>,
}
