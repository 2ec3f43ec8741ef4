//! The parts of Tempchat, wired in one process: started together, stopped together.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use command_service::{Commands, finish_erasures, worker};
use follower::Follower;
use gateway::Probes;
use nats::{Backbone, Shard};
use projector::Projector;
use pruning::Pruner;
use query_service::Queries;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use webhooks::Webhooks;

use crate::config::Config;
use crate::heads::HeadKeeper;
use crate::installation::Pools;
use crate::process_limits;

/// How long parts may take to finish what they do.
const STOPS_WITHIN: Duration = Duration::from_secs(8);
/// How long closing the connections to the servers may take.
const DISCONNECTS_WITHIN: Duration = Duration::from_secs(2);

/// A part that can run alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Pages, public API, MCP
    Gateway,
    /// Log to PostgreSQL
    Projector,
    /// Sends what falls due: expiries, idle sessions, erasures
    Worker,
    /// Tells agents' webhooks what happens
    Webhooks,
}

/// Running parts.
pub(crate) struct System {
    pub(crate) commands: Commands,
    parts: JoinSet<(&'static str, Result<()>)>,
    projector: Option<Arc<Follower>>,
    webhooks: Option<Arc<Webhooks>>,
    /// Says beforehand that the service is about to stop, where it has a gateway.
    leaving: Option<CancellationToken>,
    stop: CancellationToken,
    backbone: Backbone,
    pools: Pools,
    /// How what is beside the parts is.
    beside: Probes,
}

/// The sockets that the gateway accepts connections on.
#[derive(Debug)]
pub(crate) struct Listeners {
    pub(crate) public: TcpListener,
    pub(crate) metrics: Option<TcpListener>,
}

impl Listeners {
    /// Binds the addresses, before anything slow is started.
    pub(crate) async fn open(config: &Config) -> Result<Self> {
        let public = bind(config.listen, "--listen").await?;
        let metrics = match config.metrics_listen {
            Some(address) => Some(bind(address, "--metrics-listen").await?),
            None => None,
        };
        Ok(Self { public, metrics })
    }
}

async fn bind(address: std::net::SocketAddr, flag: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}: is another program there? Choose another with {flag}"))
}

impl System {
    /// Starts the wanted parts.
    pub(crate) async fn start(
        config: &Config,
        backbone: Backbone,
        pools: Pools,
        roles: &[Role],
        listeners: Option<Listeners>,
        probes: Probes,
    ) -> Result<Self> {
        let commands = Commands::new(backbone.clone(), config.policy());
        let finished = finish_erasures(&commands).await.context("erasures cannot be verified, so nothing is served")?;
        if finished > 0 {
            tracing::warn!(finished, "erasures were finished: their keys had come back or were left");
        }
        let mut system = Self {
            commands,
            parts: JoinSet::new(),
            projector: None,
            webhooks: None,
            leaving: None,
            stop: CancellationToken::new(),
            backbone,
            pools,
            beside: probes,
        };
        if roles.contains(&Role::Projector) {
            system.projector();
        }
        if roles.contains(&Role::Worker) {
            system.worker();
            system.pruner(config);
        }
        if roles.contains(&Role::Webhooks) {
            system.webhooks(config)?;
        }
        if roles.contains(&Role::Worker) || roles.contains(&Role::Gateway) {
            system.heads(config).await;
        }
        if let Some(listeners) = listeners.filter(|_| roles.contains(&Role::Gateway)) {
            system.gateway(config, listeners)?;
        }
        Ok(system)
    }

    /// Adds work that goes on beside the parts until they stop.
    pub(crate) fn add(&mut self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.parts.spawn(async move {
            stop.run_until_cancelled(work).await;
            (name, Ok(()))
        });
    }

    fn projector(&mut self) {
        let projector = Arc::new(Projector::start(&self.backbone, &self.pools.writers, &self.stop));
        self.projector = Some(Arc::clone(&projector));
        self.parts.spawn(async move {
            projector.finished().await;
            ("projector", Ok(()))
        });
    }

    fn worker(&mut self) {
        let (commands, pool, stop) = (self.commands.clone(), self.pools.writers.clone(), self.stop.clone());
        self.parts.spawn(async move {
            worker::run(commands, pool, stop).await;
            ("worker", Ok(()))
        });
    }

    /// Every process with a worker or a gateway signs, into its own folder's file: each is a witness of its own.
    async fn heads(&mut self, config: &Config) {
        let (signing, stop) = (HeadKeeper::new(config, &self.backbone).start().await, self.stop.clone());
        self.parts.spawn(async move {
            stop.run_until_cancelled(signing).await;
            ("signing of heads", Ok(()))
        });
    }

    /// Of all roles the worker's alone has the right to purge.
    fn pruner(&mut self, config: &Config) {
        let Some(settings) = config.pruning() else { return };
        let (pruner, stop) = (Pruner::new(&self.backbone, &self.pools.writers, settings), self.stop.clone());
        self.parts.spawn(async move {
            pruner.run(stop).await;
            ("pruner", Ok(()))
        });
    }

    fn webhooks(&mut self, config: &Config) -> Result<()> {
        let webhooks = Webhooks::start(&self.backbone, &self.pools.webhooks, &config.webhooks(), &self.stop)?;
        let webhooks = Arc::new(webhooks);
        self.webhooks = Some(Arc::clone(&webhooks));
        self.parts.spawn(async move {
            webhooks.finished().await;
            ("webhooks", Ok(()))
        });
        Ok(())
    }

    fn gateway(&mut self, config: &Config, listeners: Listeners) -> Result<()> {
        let queries = Queries::new(self.pools.readers.clone(), self.backbone.clone());
        if let Some(projector) = self.projector.clone() {
            let queries = queries.clone();
            self.parts.spawn(async move {
                projector.tell(|shard, sequence| queries.tell_reached(shard, sequence)).await;
                ("projector", Ok(()))
            });
        }
        let mut settings = gateway::Config::new(public_url(config, &listeners)?);
        settings.operator_name.clone_from(&config.operator_name);
        settings.proxies = gateway::Proxies { count: config.proxies, header: config.proxy_header };
        settings.rates = config.limits.clone();
        settings.allowed_hosts.clone_from(&config.allowed_hosts);
        settings.authorization_server = config.trusted(&settings.public_url);
        settings.drain = config.drain();
        settings.connections = process_limits::connections(settings.connections)?;
        let app = gateway::App::new(self.commands.clone(), queries, self.backbone.clone(), settings, self.probes());
        self.leaving = Some(app.leaving().clone());
        let stop = self.stop.clone();
        if let Some(metrics) = listeners.metrics {
            let (stop, settings) = (stop.clone(), app.config().clone());
            self.parts
                .spawn(async move { ("metrics", gateway::serve_metrics(metrics, &settings, stop).await.map_err(Into::into)) });
        }
        self.parts.spawn(async move { ("gateway", gateway::serve(listeners.public, app, stop).await.map_err(Into::into)) });
        Ok(())
    }

    /// Returns the health probes of the parts in this process.
    fn probes(&self) -> Probes {
        let mut probes = self.beside.clone();
        if let Some(projector) = self.projector.clone() {
            probes = probes.with("projector", move || {
                let standings = projector.standings().into_iter();
                let stopped: Vec<_> = standings.filter_map(|shard| stopped(shard.shard, shard.stopped)).collect();
                std::future::ready(if stopped.is_empty() { Ok(None) } else { Err(stopped.join("; ")) })
            });
        }
        if let Some(webhooks) = self.webhooks.clone() {
            probes = probes.with("webhooks", move || {
                let standings = webhooks.follower().standings().into_iter();
                let stopped: Vec<_> = standings.filter_map(|shard| stopped(shard.shard, shard.stopped)).collect();
                // Chats go on without webhooks: a warning, no failure.
                std::future::ready(Ok((!stopped.is_empty()).then(|| stopped.join("; "))))
            });
        }
        probes
    }

    /// Waits until a part stops by itself, which is an error.
    pub(crate) async fn died(&mut self) -> anyhow::Error {
        match self.parts.join_next().await {
            Some(Ok((part, Ok(())))) => anyhow::anyhow!("the {part} stopped by itself"),
            Some(Ok((part, Err(error)))) => error.context(format!("the {part} stopped")),
            Some(Err(error)) => anyhow::Error::new(error).context("a part broke down"),
            None => anyhow::anyhow!("nothing was started"),
        }
    }

    /// Goes on for a while, not ready any more, so that balancers send nobody here once the door is shut; until the next signal, at most.
    pub(crate) async fn drain(&self, config: &Config, stop: &mut StopSignals) {
        let Some(leaving) = &self.leaving else { return };
        leaving.cancel();
        tokio::select! {
            () = sleep(config.drain()) => {}
            _ = stop.next() => {}
        }
    }

    /// Stops all parts: no new connection is accepted, answers under way are finished.
    pub(crate) async fn stop(mut self) -> Result<()> {
        self.stop.cancel();
        let all = async { while self.parts.join_next().await.is_some() {} };
        let late = timeout(STOPS_WITHIN, all).await.is_err();
        self.parts.shutdown().await;
        // A server that is gone never answers.
        let disconnect = async { tokio::join!(self.backbone.drain(), self.pools.close()) };
        let _unanswered = timeout(DISCONNECTS_WITHIN, disconnect).await;
        if late {
            bail!("some parts took longer than {STOPS_WITHIN:?} to stop and were cut off");
        }
        Ok(())
    }
}

fn stopped(shard: Shard, why: Option<String>) -> Option<String> {
    why.map(|why| format!("shard {shard} stopped: {why}"))
}

/// The address that people use: as configured, or where we listen.
pub(crate) fn public_url(config: &Config, listeners: &Listeners) -> Result<url::Url> {
    match &config.public_url {
        Some(url) => Ok(url.clone()),
        None => Ok(format!("http://{}", listeners.public.local_addr()?).parse()?),
    }
}

/// How a process is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// By somebody at a terminal, who waits for it.
    Interrupt,
    /// By a supervisor, which balancers stand in front of.
    Terminate,
}

/// SIGINT and SIGTERM. Made once, before anything that may have to be stopped, so that no later signal is lost.
pub(crate) struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    /// Takes the signals, which no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one; cancel safe.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Interrupt,
            _ = self.terminate.recv() => Asked::Terminate,
        }
    }
}
