//! `tempchat bench webhooks`: from the log to an agent's server, alone and beside one that never answers.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use command_service::{Commands, NewWebhook};
use domain::{Address, AgentId};
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use nats::{Actor, Backbone, Options, Secrets};
use serde_json::json;
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use webhooks::{Settings, Webhooks};

use super::http::Connection;
use super::{chats, load};
use crate::cli::BenchWebhooks;
use crate::installation::{self, Servers};

/// Sessions of each agent, so that posting is not what takes long.
const SESSIONS: usize = 32;
/// Calls at once, of webhooks as of the bare client.
const AT_ONCE: usize = 8;
/// How long a bare client calls.
const BARE: Duration = Duration::from_secs(2);
/// How long deliveries may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a bare client sends: as long as a call about a message.
const BODY: usize = 330;

/// Measures deliveries a second.
pub(crate) async fn run(options: BenchWebhooks, as_json: bool) -> Result<()> {
    let bench = Setup::start().await?;
    let (mut bare, mut alone, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        bare.push(bench.bare().await?);
        alone.push(bench.deliver(options.messages, false).await?);
        beside.push(bench.deliver(options.messages, true).await?);
    }
    bench.stop().await;
    let (bare, alone, beside) = (load::median(&mut bare), load::median(&mut alone), load::median(&mut beside));
    if as_json {
        println!(
            "{}",
            json!({
                "messages": options.messages, "rounds": options.rounds, "bare_posts_per_second": bare,
                "deliveries_per_second": alone, "ratio_to_bare": alone / bare,
                "beside_a_dead_endpoint_per_second": beside, "ratio_to_alone": beside / alone,
            })
        );
        return Ok(());
    }
    println!(
        "{} messages a round, medians of {} rounds; one agent's server, {AT_ONCE} calls at once",
        options.messages, options.rounds
    );
    println!("  bare POSTs: {bare:.0}/s");
    println!("  webhooks, from the log to the last answer: {alone:.0} deliveries/s, {:.2} of bare", alone / bare);
    println!(
        "  beside an endpoint that never answers, with as many waiting: {beside:.0} deliveries/s, {:.2} of alone",
        beside / alone
    );
    Ok(())
}

struct Setup {
    nats: NatsServer,
    postgres: Postgres,
    backbone: Backbone,
    pool: PgPool,
    commands: Commands,
    good: Agent,
    dead: Agent,
    server: Server,
    silent: Server,
    _data: DataDir,
}

struct Agent {
    id: AgentId,
    sessions: Vec<Address>,
}

impl Setup {
    async fn start() -> Result<Self> {
        let data = DataDir::temporary()?;
        let nats = NatsServer::start(&data, NatsOptions::default()).await?;
        let postgres = Postgres::start(&data, PostgresOptions::default()).await?;
        let backbone = Backbone::connect(Options::new(nats.url(), Secrets::generate())).await?;
        let pool =
            installation::rows(&Servers { nats_url: nats.url().to_owned(), database_url: postgres.url().to_owned() }).await?;
        let commands = Commands::new(backbone.clone(), chats::policy());
        let sessions = chats::make(&backbone, &commands, 2, 2 * SESSIONS).await?;
        let (server, silent) = (Server::start(Manner::Answers).await?, Server::start(Manner::NeverAnswers).await?);
        let id = sessions.first().context("there are sessions")?.agent;
        let (of_one, of_other): (Vec<_>, Vec<_>) = sessions.iter().copied().partition(|session| session.agent == id);
        let other = of_other.first().context("there are two agents")?.agent;
        let (good, dead) = (Agent { id, sessions: of_one }, Agent { id: other, sessions: of_other });
        let bench = Self { nats, postgres, backbone, pool, commands, good, dead, server, silent, _data: data };
        bench.point(&bench.good, Some(&bench.server)).await?;
        // From here on webhooks have a place in the log.
        bench.take_in().await?;
        Ok(bench)
    }

    /// Has webhooks read all of the log.
    async fn take_in(&self) -> Result<()> {
        let running = self.webhooks()?;
        for shard in self.backbone.shards() {
            running.webhooks.follower().reached(shard, self.backbone.end(shard).await?).await;
        }
        running.stop().await;
        Ok(())
    }

    /// Sets or removes an agent's webhook.
    async fn point(&self, agent: &Agent, server: Option<&Server>) -> Result<()> {
        let webhook =
            server.map(|server| NewWebhook { url: format!("http://{}/", server.address), with_text: false, rotate: false });
        self.commands.set_webhook(agent.id, None, webhook).await?;
        Ok(())
    }

    fn webhooks(&self) -> Result<Running> {
        let settings = Settings { networks: vec!["127.0.0.0/8".parse()?], ..Settings::default() };
        let stop = CancellationToken::new();
        let webhooks = Webhooks::start(&self.backbone, &self.pool, &settings, &stop)?;
        Ok(Running { webhooks, stop })
    }

    /// Has messages delivered that were said before; returns how many a second.
    async fn deliver(&self, messages: u64, with_a_dead_one: bool) -> Result<f64> {
        self.point(&self.dead, with_a_dead_one.then_some(&self.silent)).await?;
        if with_a_dead_one {
            // They wait before the others come: what is measured is the endpoint, not the reading of twice as much.
            self.say(&self.dead, messages).await?;
            self.take_in().await?;
        }
        self.say(&self.good, messages).await?;
        let wanted = self.server.count() + messages;
        let began = Instant::now();
        let running = self.webhooks()?;
        timeout(PATIENCE, self.server.has_had(wanted)).await.context("not everything was delivered")?;
        let took = began.elapsed();
        running.stop().await;
        Ok(per_second(messages, took))
    }

    async fn say(&self, agent: &Agent, messages: u64) -> Result<()> {
        let one = |number: u64| async move {
            let session = agent.sessions.get(usize::try_from(number)? % agent.sessions.len()).context("there are sessions")?;
            self.commands.post(*session, Actor::Chatter, &self.commands.attempt(), "some words").await?;
            anyhow::Ok(())
        };
        stream::iter(0..messages).map(one).buffer_unordered(SESSIONS).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// Calls the same server with a lean client and nothing behind it.
    async fn bare(&self) -> Result<f64> {
        let mut lanes = Vec::new();
        for _ in 0..AT_ONCE {
            lanes.push(Connection::open(self.server.address).await?);
        }
        let body = "x".repeat(BODY);
        let (load, _) = load::run(lanes, BARE, move |mut connection| {
            let body = body.clone();
            async move {
                connection.post("/", "", body).await?;
                Ok(connection)
            }
        })
        .await?;
        Ok(load.per_second)
    }

    async fn stop(self) {
        self.backbone.drain().await;
        self.pool.close().await;
        self.postgres.stop().await;
        self.nats.stop().await;
    }
}

/// Webhooks at work.
struct Running {
    webhooks: Webhooks,
    stop: CancellationToken,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        self.webhooks.finished().await;
    }
}

/// How an agent's server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Answers,
    NeverAnswers,
}

/// An agent's server: it counts calls.
struct Server {
    address: SocketAddr,
    count: Arc<AtomicU64>,
    changed: watch::Receiver<()>,
    task: JoinHandle<()>,
}

impl Server {
    async fn start(manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let count = Arc::<AtomicU64>::default();
        let (change, changed) = watch::channel(());
        let counted = Arc::clone(&count);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (counted, change) = (Arc::clone(&counted), change.clone());
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (counted, change) = (Arc::clone(&counted), change.clone());
                    async move {
                        // A body that breaks off is no call.
                        if request.into_body().collect().await.is_ok() {
                            counted.fetch_add(1, Ordering::SeqCst);
                            change.send_replace(());
                        }
                        if manner == Manner::NeverAnswers {
                            std::future::pending::<()>().await;
                        }
                        let mut response = Response::new(Empty::<Bytes>::new());
                        *response.status_mut() = StatusCode::NO_CONTENT;
                        Ok::<_, Infallible>(response)
                    }
                });
                tokio::spawn(async move {
                    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
                    if let Err(error) = served {
                        tracing::debug!(%error, "a connection broke");
                    }
                });
            }
        });
        Ok(Self { address, count, changed, task })
    }

    fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Waits until it has had so many calls.
    async fn has_had(&self, wanted: u64) {
        let mut changed = self.changed.clone();
        while self.count() < wanted && changed.changed().await.is_ok() {}
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
fn per_second(count: u64, took: Duration) -> f64 {
    count as f64 / took.as_secs_f64()
}
