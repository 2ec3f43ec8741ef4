//! `./dev bench webhooks`: from the log to an agent's server, alone and beside one that never answers.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use clap::Args;
use command_service::NewWebhook;
use domain::{Address, AgentId};
use futures_util::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use nats::Actor;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use webhooks::{Settings, Webhooks};

use crate::http::Connection;
use crate::installation::Installation;
use crate::{load, sessions};

/// Sessions of each agent, so that posting is not what takes long.
const SESSIONS: usize = 32;
/// Calls at once, of webhooks as of the bare client.
const AT_ONCE: usize = 8;
/// How long a bare client calls.
const BARE: Duration = Duration::from_secs(2);
/// How long deliveries may take.
const DELIVERY_TIMEOUT: Duration = Duration::from_mins(2);
/// What a bare client sends: as long as a call about a message.
const BODY: usize = 330;

/// Options of `./dev bench webhooks`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Messages in a measurement
    #[arg(long, default_value_t = 3_000)]
    messages: u64,
    /// Rounds; the three are measured in turns in each
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Measures deliveries a second.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    let setup = Setup::start().await?;
    let (mut bare, mut alone, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        bare.push(setup.bare().await?);
        alone.push(setup.deliver(options.messages, false).await?);
        beside.push(setup.deliver(options.messages, true).await?);
    }
    setup.stop().await;
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
    installation: Installation,
    good: Agent,
    dead: Agent,
    server: Server,
    silent: Server,
}

struct Agent {
    id: AgentId,
    sessions: Vec<Address>,
}

impl Setup {
    async fn start() -> Result<Self> {
        let installation = Installation::start().await?;
        let sessions = sessions::make(&installation.backbone, &installation.commands, 2, 2 * SESSIONS).await?;
        let (server, silent) = (Server::start(Behavior::Answers).await?, Server::start(Behavior::NeverAnswers).await?);
        let id = sessions.first().context("there are sessions")?.agent;
        let (of_one, of_other): (Vec<_>, Vec<_>) = sessions.iter().copied().partition(|session| session.agent == id);
        let other = of_other.first().context("there are two agents")?.agent;
        let (good, dead) = (Agent { id, sessions: of_one }, Agent { id: other, sessions: of_other });
        let setup = Self { installation, good, dead, server, silent };
        setup.point(&setup.good, Some(&setup.server)).await?;
        // From here on webhooks have a checkpoint.
        setup.ingest_all().await?;
        Ok(setup)
    }

    /// Has webhooks read all of the log.
    async fn ingest_all(&self) -> Result<()> {
        let running = self.webhooks()?;
        for shard in self.installation.backbone.shards() {
            running.webhooks.follower().reached(shard, self.installation.backbone.end(shard).await?).await;
        }
        running.stop().await;
        Ok(())
    }

    /// Sets or removes an agent's webhook.
    async fn point(&self, agent: &Agent, server: Option<&Server>) -> Result<()> {
        let webhook =
            server.map(|server| NewWebhook { url: format!("http://{}/", server.address), with_text: false, rotate: false });
        self.installation.commands.set_webhook(agent.id, None, webhook).await?;
        Ok(())
    }

    fn webhooks(&self) -> Result<Running> {
        let settings = Settings { networks: vec!["127.0.0.0/8".parse()?], ..Settings::default() };
        let stop = CancellationToken::new();
        let webhooks = self.installation.start_webhooks(&settings, &stop)?;
        Ok(Running { webhooks, stop })
    }

    /// Has messages delivered that were said before; returns how many a second.
    async fn deliver(&self, messages: u64, with_a_dead_one: bool) -> Result<f64> {
        self.point(&self.dead, with_a_dead_one.then_some(&self.silent)).await?;
        if with_a_dead_one {
            // They are ingested before the others come: what is measured is the endpoint, not reading twice as much of the log.
            self.post(&self.dead, messages).await?;
            self.ingest_all().await?;
        }
        self.post(&self.good, messages).await?;
        let wanted = self.server.count() + messages;
        let began = Instant::now();
        let running = self.webhooks()?;
        timeout(DELIVERY_TIMEOUT, self.server.wait_for_calls(wanted)).await.context("not everything was delivered")?;
        let took = began.elapsed();
        running.stop().await;
        Ok(per_second(messages, took))
    }

    async fn post(&self, agent: &Agent, messages: u64) -> Result<()> {
        let one = |number: u64| async move {
            let session = agent.sessions.get(usize::try_from(number)? % agent.sessions.len()).context("there are sessions")?;
            self.installation
                .commands
                .post(*session, Actor::Chatter, &self.installation.commands.attempt(), "some words")
                .await?;
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
        self.installation.stop().await;
    }
}

/// Running webhooks, with what stops them.
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
enum Behavior {
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
    async fn start(behavior: Behavior) -> Result<Self> {
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
                        if behavior == Behavior::NeverAnswers {
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

    /// Waits until it has received so many calls.
    async fn wait_for_calls(&self, wanted: u64) {
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
