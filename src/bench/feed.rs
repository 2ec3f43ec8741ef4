//! `tempchat bench feed`: everything on, from a POST to the pages that show it, and from the log to the rows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use command_service::Commands;
use domain::{Address, Target};
use futures_util::future::try_join_all;
use hdrhistogram::Histogram;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use nats::{Backbone, Carrier, Options, Secrets, SessionCredentials};
use parking_lot::Mutex;
use projector::Projector;
use serde_json::json;
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::http::Connection;
use super::load::millis;
use super::{bare, chats, load};
use crate::cli::BenchFeed;
use crate::installation::{self, Servers};

/// Readers of each room.
const READERS: usize = 2;
/// What stands before the number that tells when a message was sent.
const MARK: &[u8] = b"sent at ";
/// Rows that a bare insert writes at once, as the projector does.
const BATCH: i64 = 1_000;

/// Measures latencies at a steady rate, deliveries at full speed, and the projector.
pub(crate) async fn run(options: BenchFeed, as_json: bool) -> Result<()> {
    let bench = Setup::start(&options).await?;
    let micros = bench.steady(&options).await?;
    let full = bench.full_speed(&options).await?;
    let projector = bench.projector().await?;
    bench.stop().await;
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
    nats: NatsServer,
    postgres: Postgres,
    backbone: Backbone,
    pool: PgPool,
    gateway: SocketAddr,
    rooms: Vec<Room>,
    heard: Arc<Heard>,
    commands: Commands,
    stop: CancellationToken,
    tasks: TaskTracker,
    _data: DataDir,
}

#[derive(Debug, Clone)]
struct Room {
    messages: String,
    events: String,
    credential: String,
}

/// What all readers have heard.
#[derive(Debug)]
struct Heard {
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
    async fn start(options: &BenchFeed) -> Result<Self> {
        let data = DataDir::temporary()?;
        let nats = NatsServer::start(&data, NatsOptions::default()).await?;
        let postgres = Postgres::start(&data, PostgresOptions::default()).await?;
        let secrets = Secrets::generate();
        let backbone = Backbone::connect(Options::new(nats.url(), secrets.clone())).await?;
        let pool =
            installation::rows(&Servers { nats_url: nats.url().to_owned(), database_url: postgres.url().to_owned() }).await?;
        let commands = Commands::new(backbone.clone(), chats::policy());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let projector = Projector::start(&backbone, &pool, &stop);
        tasks.spawn(async move { projector.finished().await });
        tasks.spawn(command_service::worker::run(commands.clone(), pool.clone(), stop.clone()));
        let listener = tokio::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let gateway = listener.local_addr()?;
        let app = super::gateway(&commands, &backbone, pool.clone(), gateway)?;
        tasks.spawn(gateway::serve(listener, app, stop.clone()));
        let sessions = chats::make(&backbone, &commands, backbone.shards().count(), options.rooms).await?;
        let credentials = SessionCredentials::new(&secrets);
        let rooms: Vec<_> = sessions.iter().filter_map(|session| Room::of(session, &credentials)).collect();
        let heard =
            Arc::new(Heard { began: Instant::now(), deliveries: AtomicU64::new(0), micros: Mutex::new(load::histogram()) });
        for room in rooms.iter().flat_map(|room| std::iter::repeat_n(room, READERS)) {
            let mut connection = Connection::open(gateway).await?;
            let stream = connection.stream(&room.events, &room.credential).await?;
            let heard = Arc::clone(&heard);
            tasks.spawn(stop.clone().run_until_cancelled_owned(async move {
                heard.listen(stream).await;
                drop(connection);
            }));
        }
        Ok(Self { nats, postgres, backbone, pool, gateway, rooms, heard, commands, stop, tasks, _data: data })
    }

    /// Posts at a steady rate, room after room, and waits until all is heard.
    async fn steady(&self, options: &BenchFeed) -> Result<Histogram<u64>> {
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
        let before = self.heard.deliveries.load(Ordering::Relaxed);
        self.heard.micros.lock().reset();
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
        self.all_heard(before + total * READERS as u64).await?;
        Ok(self.heard.micros.lock().clone())
    }

    /// Posts as fast as it goes, one sender a room.
    async fn full_speed(&self, options: &BenchFeed) -> Result<FullSpeed> {
        let before = self.heard.deliveries.load(Ordering::Relaxed);
        let mut lanes = Vec::new();
        for room in &self.rooms {
            lanes.push((Connection::open(self.gateway).await?, room.clone(), Arc::clone(&self.heard), self.commands.clone()));
        }
        let began = Instant::now();
        let (load, _) =
            load::run(lanes, Duration::from_secs(options.seconds), |(mut connection, room, heard, commands)| async move {
                let body = heard.message(&commands);
                connection.post(&room.messages, &room.credential, body).await?;
                Ok((connection, room, heard, commands))
            })
            .await?;
        self.all_heard(before + load.micros.len() * READERS as u64).await?;
        #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
        let deliveries = (load.micros.len() * READERS as u64) as f64 / began.elapsed().as_secs_f64();
        Ok(FullSpeed { posts: load.per_second, deliveries })
    }

    /// Times a rebuild of all rows, and a bare insert of the event rows alone.
    async fn projector(&self) -> Result<Projected> {
        let began = Instant::now();
        try_join_all(self.backbone.shards().map(|shard| projector::rebuild(&self.backbone, &self.pool, shard, |_| ()))).await?;
        let ours = began.elapsed();
        let mut connection = self.pool.acquire().await?;
        let events: i64 = sqlx::query_scalar("SELECT count(*) FROM event").fetch_one(&mut *connection).await?;
        bare::prepare(&mut connection).await?;
        let mut bare = Duration::ZERO;
        let mut offset = 0;
        while offset < events {
            let rows = bare::Rows::read(&mut connection, offset, BATCH).await?;
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
        self.heard.message(&self.commands)
    }

    async fn all_heard(&self, wanted: u64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_mins(1);
        while self.heard.deliveries.load(Ordering::Relaxed) < wanted {
            anyhow::ensure!(Instant::now() < deadline, "not everything that was sent was heard: a message is lost");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.backbone.drain().await;
        self.pool.close().await;
        self.postgres.stop().await;
        self.nats.stop().await;
    }
}

impl Room {
    fn of(session: &Address, credentials: &SessionCredentials) -> Option<Self> {
        let Target::Session(id) = session.target else { return None };
        let credential = credentials.issue(Carrier::Bearer, session.agent, id, chats::DEVICE);
        Some(Self {
            messages: format!("/api/v1/sessions/{id}/messages"),
            events: format!("/api/v1/sessions/{id}/events"),
            credential,
        })
    }
}

impl Heard {
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
