//! `./dev bench feed`: everything on, from a POST to the pages that show it, and from the log to the rows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use command_service::Commands;
use domain::{Address, Target};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use nats::{Carrier, SessionCredentials};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::http::Connection;
use crate::installation::Installation;
use crate::load::millis;
use crate::{bare_insert, load, sessions};

/// Readers of each room.
const READERS: usize = 2;
/// What precedes the number that says when a message was sent.
const MARK: &[u8] = b"sent at ";
/// Rows that a bare insert writes at once, as the projector does.
const BATCH: i64 = 1_000;

/// Options of `./dev bench feed`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Rooms, each with two readers
    #[arg(long, default_value_t = 100)]
    rooms: usize,
    /// Messages a second in all rooms together, for the latencies
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// Length of one measurement in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

/// Measures latencies at a steady rate, deliveries at full speed, and the projector.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    let setup = Setup::start(&options).await?;
    let micros = setup.steady(&options).await?;
    let full = setup.full_speed(&options).await?;
    let projector = setup.projector().await?;
    setup.stop().await;
    if as_json {
        println!(
            "{}",
            json!({
                "rooms": options.rooms, "readers": READERS, "rate": options.rate,
                "post_to_sse_ms": {"p50": millis(&micros, 0.5), "p99": millis(&micros, 0.99), "deliveries": micros.len()},
                "full_speed": {"posts_per_second": full.posts, "deliveries_per_second": full.deliveries},
                "projector": {
                    "events": projector.events, "events_per_second": projector.ours, "bare_insert_per_second": projector.bare,
                    "ratio": projector.ours / projector.bare,
                },
            })
        );
        return Ok(());
    }
    println!("{} rooms of {READERS} readers, everything on, fsync always", options.rooms);
    println!(
        "  POST to SSE at {} messages/s: p50 {:.2} ms, p99 {:.2} ms ({} deliveries)",
        options.rate,
        millis(&micros, 0.5),
        millis(&micros, 0.99),
        micros.len()
    );
    println!("  full speed: {:.0} posts/s, {:.0} deliveries/s", full.posts, full.deliveries);
    println!(
        "  projector: {:.0} events/s; a bare UNNEST insert of the same event rows: {:.0}/s; ratio {:.2} ({} events)",
        projector.ours,
        projector.bare,
        projector.ours / projector.bare,
        projector.events
    );
    Ok(())
}

struct Setup {
    installation: Installation,
    gateway: SocketAddr,
    rooms: Vec<Room>,
    received: Arc<Received>,
}

#[derive(Debug, Clone)]
struct Room {
    messages: String,
    events: String,
    credential: String,
}

/// What all readers have received.
#[derive(Debug)]
struct Received {
    began: Instant,
    deliveries: AtomicU64,
    micros: Mutex<Histogram<u64>>,
}

struct FullSpeed {
    posts: f64,
    deliveries: f64,
}

struct Projected {
    events: i64,
    ours: f64,
    bare: f64,
}

impl Setup {
    async fn start(options: &Options) -> Result<Self> {
        let installation = Installation::start().await?;
        installation.start_projector();
        installation.start_worker();
        let gateway = installation.start_gateway().await?;
        let Installation { backbone, commands, credentials, tasks, stop, .. } = &installation;
        let sessions = sessions::make(backbone, commands, backbone.shards().count(), options.rooms).await?;
        let rooms: Vec<_> = sessions.iter().filter_map(|session| Room::of(session, credentials)).collect();
        let received =
            Arc::new(Received { began: Instant::now(), deliveries: AtomicU64::new(0), micros: Mutex::new(load::histogram()) });
        for room in rooms.iter().flat_map(|room| std::iter::repeat_n(room, READERS)) {
            let mut connection = Connection::open(gateway).await?;
            let stream = connection.stream(&room.events, &room.credential).await?;
            let received = Arc::clone(&received);
            tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
                received.listen(stream).await;
                drop(connection);
            }));
        }
        Ok(Self { installation, gateway, rooms, received })
    }

    /// Posts at a steady rate, room after room, and waits until all is received.
    async fn steady(&self, options: &Options) -> Result<Histogram<u64>> {
        let mut senders = Vec::new();
        for _ in 0..self.rooms.len().min(32) {
            senders.push(Connection::open(self.gateway).await?);
        }
        let (give, take) = tokio::sync::mpsc::channel(senders.len());
        for sender in senders {
            give.send(sender).await?;
        }
        let idle = Arc::new(tokio::sync::Mutex::new(take));
        let total = u64::from(options.rate) * options.seconds;
        let before = self.received.deliveries.load(Ordering::Relaxed);
        self.received.micros.lock().reset();
        let mut tick = tokio::time::interval(Duration::from_secs(1) / options.rate);
        let mut posts = tokio::task::JoinSet::new();
        for number in 0..total {
            tick.tick().await;
            let room = self.rooms.get(usize::try_from(number)? % self.rooms.len()).context("there are rooms")?.clone();
            let (body, idle, give) = (self.message(), Arc::clone(&idle), give.clone());
            posts.spawn(async move {
                let mut sender = idle.lock().await.recv().await.context("senders come back")?;
                sender.post(&room.messages, &room.credential, body).await?;
                give.send(sender).await?;
                anyhow::Ok(())
            });
        }
        while let Some(done) = posts.join_next().await {
            done??;
        }
        self.wait_for_deliveries(before + total * READERS as u64).await?;
        Ok(self.received.micros.lock().clone())
    }

    /// Posts as fast as it goes, one sender a room.
    async fn full_speed(&self, options: &Options) -> Result<FullSpeed> {
        let before = self.received.deliveries.load(Ordering::Relaxed);
        let mut lanes = Vec::new();
        for room in &self.rooms {
            lanes.push((
                Connection::open(self.gateway).await?,
                room.clone(),
                Arc::clone(&self.received),
                self.installation.commands.clone(),
            ));
        }
        let began = Instant::now();
        let (load, _) =
            load::run(lanes, Duration::from_secs(options.seconds), |(mut connection, room, received, commands)| async move {
                let body = received.message(&commands);
                connection.post(&room.messages, &room.credential, body).await?;
                Ok((connection, room, received, commands))
            })
            .await?;
        self.wait_for_deliveries(before + load.micros.len() * READERS as u64).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
        let deliveries = (load.micros.len() * READERS as u64) as f64 / began.elapsed().as_secs_f64();
        Ok(FullSpeed { posts: load.per_second, deliveries })
    }

    /// Times a rebuild of all rows, and a bare insert of the event rows alone.
    async fn projector(&self) -> Result<Projected> {
        let began = Instant::now();
        try_join_all(
            self.installation
                .backbone
                .shards()
                .map(|shard| projector::rebuild(&self.installation.backbone, &self.installation.pool, shard, |_| ())),
        )
        .await?;
        let ours = began.elapsed();
        let mut connection = self.installation.pool.acquire().await?;
        let events: i64 = sqlx::query_scalar("SELECT count(*) FROM event").fetch_one(&mut *connection).await?;
        bare_insert::prepare(&mut connection).await?;
        let mut bare = Duration::ZERO;
        let mut offset = 0;
        while offset < events {
            let rows = bare_insert::Rows::read(&mut connection, offset, BATCH).await?;
            let began = Instant::now();
            rows.insert(&mut connection).await?;
            bare += began.elapsed();
            offset += BATCH;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
        let rate = |length: Duration| events as f64 / length.as_secs_f64();
        Ok(Projected { events, ours: rate(ours), bare: rate(bare) })
    }

    fn message(&self) -> String {
        self.received.message(&self.installation.commands)
    }

    async fn wait_for_deliveries(&self, wanted: u64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.received.deliveries.load(Ordering::Relaxed) < wanted {
            anyhow::ensure!(Instant::now() < deadline, "not everything that was sent was received: a message is lost");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn stop(self) {
        self.installation.stop().await;
    }
}

impl Room {
    fn of(session: &Address, credentials: &SessionCredentials) -> Option<Self> {
        let Target::Session(id) = session.target else { return None };
        let credential = credentials.issue(Carrier::Bearer, session.agent, id, sessions::DEVICE);
        Some(Self {
            messages: format!("/api/v1/sessions/{id}/messages"),
            events: format!("/api/v1/sessions/{id}/events"),
            credential,
        })
    }
}

impl Received {
    /// Makes a message that says when it was sent.
    fn message(&self, commands: &Commands) -> String {
        let sent = self.began.elapsed().as_micros();
        json!({"client_message_id": commands.attempt(), "text": format!("sent at {sent} microseconds, with some words to it")})
            .to_string()
    }

    /// Reads a stream to its end; each message tells how long it took.
    async fn listen(&self, mut stream: hyper::Response<Incoming>) {
        let mut rest: Vec<u8> = Vec::new();
        while let Some(Ok(frame)) = stream.body_mut().frame().await {
            let Ok(data) = frame.into_data() else { continue };
            rest.extend_from_slice(&data);
            while let Some(end) = find(&rest, b"\n\n") {
                let event: Vec<u8> = rest.drain(..end + 2).collect();
                if let Some(sent) = sent_at(&event) {
                    let now = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
                    self.micros.lock().saturating_record(now.saturating_sub(sent).max(1));
                    self.deliveries.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn sent_at(event: &[u8]) -> Option<u64> {
    let digits = event.get(find(event, MARK)? + MARK.len()..)?;
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    std::str::from_utf8(digits.get(..length)?).ok()?.parse().ok()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}
