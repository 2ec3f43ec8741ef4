//! An installation in this process, on servers of its own: parts are started one by one, as a measurement needs them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, ensure};
use command_service::Commands;
use follower::Follower;
use gateway::{App, Config, Probes, Rates, WaitBounds};
use nats::{Backbone, Options, Secrets, SessionCredentials};
use projector::Projector;
use query_service::Queries;
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use webhooks::{Settings, Webhooks};

use crate::sessions;

/// Connections to PostgreSQL for answers, and for all else: as many as the product opens.
const READER_CONNECTIONS: u32 = 16;
const OTHER_CONNECTIONS: u32 = 18;
/// Two servers, the log and the rows in them, and whatever parts have been started.
pub(crate) struct Installation {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
    readers: PgPool,
    queries: Queries,
    pub(crate) commands: Commands,
    pub(crate) credentials: SessionCredentials,
    /// Ends with the installation.
    pub(crate) stop: CancellationToken,
    /// Waited for before the servers are stopped.
    pub(crate) tasks: TaskTracker,
    nats: NatsServer,
    postgres: Postgres,
    log: PathBuf,
    _data: DataDir,
}

impl Installation {
    /// Starts the servers and opens the log and the rows; no part runs yet.
    pub(crate) async fn start() -> Result<Self> {
        let data = DataDir::temporary()?;
        let nats = NatsServer::start(&data, NatsOptions::default()).await?;
        let postgres = Postgres::start(&data, PostgresOptions::default()).await?;
        let secrets = Secrets::generate();
        let backbone = Backbone::connect(Options::new(nats.url(), secrets.clone())).await?;
        let pool = PgPoolOptions::new().max_connections(OTHER_CONNECTIONS).connect(postgres.url()).await?;
        migrations::run(&pool).await?;
        let readers = PgPoolOptions::new().max_connections(READER_CONNECTIONS);
        let readers = readers.connect_lazy_with(pool.connect_options().as_ref().clone());
        let queries = Queries::new(readers.clone(), backbone.clone());
        let commands = Commands::new(backbone.clone(), sessions::policy());
        let credentials = SessionCredentials::new(&secrets);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        Ok(Self {
            backbone,
            pool,
            readers,
            queries,
            commands,
            credentials,
            stop,
            tasks,
            nats,
            postgres,
            log: data.join("nats"),
            _data: data,
        })
    }

    /// Returns the folder of the log's files.
    pub(crate) fn log_folder(&self) -> &Path {
        &self.log
    }

    /// Starts the projector; gateways beside it are told how far it is.
    pub(crate) fn start_projector(&self) -> Arc<Follower> {
        let projector = Arc::new(Projector::start(&self.backbone, &self.pool, &self.stop));
        let (running, telling, queries) = (Arc::clone(&projector), Arc::clone(&projector), self.queries.clone());
        self.tasks.spawn(async move { running.finished().await });
        self.tasks.spawn(async move { telling.tell(|shard, sequence| queries.tell_reached(shard, sequence)).await });
        projector
    }

    /// Starts the worker, which sends what falls due.
    pub(crate) fn start_worker(&self) {
        self.tasks.spawn(command_service::worker::run(self.commands.clone(), self.pool.clone(), self.stop.clone()));
    }

    /// Starts a gateway.
    pub(crate) async fn start_gateway(&self) -> Result<SocketAddr> {
        let (address, serving) = serve(&self.commands, &self.backbone, self.queries.clone(), self.stop.clone()).await?;
        self.tasks.spawn(serving);
        Ok(address)
    }

    /// Starts webhooks, which end with `stop`.
    pub(crate) fn start_webhooks(&self, settings: &Settings, stop: &CancellationToken) -> Result<Webhooks> {
        Ok(Webhooks::start(&self.backbone, &self.pool, settings, stop)?)
    }

    /// Waits until the rows hold all that is in the log now.
    pub(crate) async fn project_all(&self, projector: &Follower) -> Result<()> {
        for shard in self.backbone.shards() {
            let standing = projector.reached(shard, self.backbone.end(shard).await?).await;
            ensure!(standing.stopped.is_none(), "the projector has stopped: {standing:?}");
        }
        Ok(())
    }

    /// Stops all parts, then the servers.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.backbone.drain().await;
        self.readers.close().await;
        self.pool.close().await;
        self.postgres.stop().await;
        self.nats.stop().await;
    }
}

/// Prepares a gateway at a free port, with limits that no measurement reaches; it serves while the future runs.
pub(crate) async fn serve(
    commands: &Commands,
    backbone: &Backbone,
    queries: Queries,
    stop: CancellationToken,
) -> Result<(SocketAddr, impl Future<Output = ()> + Send + use<>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let mut config = Config::new(format!("http://{address}").parse()?);
    config.rates = Rates::unlimited();
    let unlimited = usize::MAX;
    config.waits = WaitBounds {
        session: unlimited,
        link: unlimited,
        key: unlimited,
        news: unlimited,
        address: unlimited,
        gateway: unlimited,
        session_transcripts: unlimited,
        link_transcripts: unlimited,
        transcripts: unlimited,
    };
    let app = App::new(commands.clone(), queries, backbone.clone(), config, Probes::default());
    let serving = async move {
        if let Err(error) = gateway::serve(listener, app, stop).await {
            tracing::error!(%error, "the gateway has stopped");
        }
    };
    Ok((address, serving))
}
