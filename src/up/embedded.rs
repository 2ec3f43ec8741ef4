//! The servers that `up` starts: one that dies is started again, with pauses that double, where its clients look for it; whoever asks
//! for the service's readiness is told meanwhile.

use std::time::Duration;

use anyhow::Result;
use backon::{BackoffBuilder, ExponentialBuilder};
use gateway::Probes;
use servers::{DataDir, Error, NatsOptions, NatsServer, Postgres, PostgresOptions};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The pauses before a server is started again. Whatever was in its way, it is back half a minute after that is gone.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_delay(LONGEST_PAUSE).without_max_times();
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A server that has run for so long has recovered: the next pause is short again.
const RECOVERED_AFTER: Duration = Duration::from_mins(1);

/// A server that can be started anew on the same files.
pub(super) trait Server: Sized + Send + Sync + 'static {
    /// Its name in `/readyz` and in the log.
    const NAME: &'static str;
    type Again: Clone + Send + Sync + 'static;

    fn again(&self) -> Self::Again;
    fn files(&self) -> DataDir;
    fn start(data: &DataDir, again: Self::Again) -> impl Future<Output = Result<Self, Error>> + Send;
    fn died(&self) -> impl Future<Output = Error> + Send;
    fn stop(self) -> impl Future<Output = ()> + Send;
}

impl Server for NatsServer {
    const NAME: &'static str = "nats-server";
    type Again = NatsOptions;

    fn again(&self) -> NatsOptions {
        self.again()
    }

    fn files(&self) -> DataDir {
        self.data().clone()
    }

    async fn start(data: &DataDir, again: NatsOptions) -> Result<Self, Error> {
        Self::start(data, again).await
    }

    async fn died(&self) -> Error {
        self.died().await
    }

    async fn stop(self) {
        self.stop().await;
    }
}

impl Server for Postgres {
    const NAME: &'static str = "postgres-server";
    type Again = PostgresOptions;

    fn again(&self) -> PostgresOptions {
        self.again()
    }

    fn files(&self) -> DataDir {
        self.data().clone()
    }

    async fn start(data: &DataDir, again: PostgresOptions) -> Result<Self, Error> {
        Self::start(data, again).await
    }

    async fn died(&self) -> Error {
        self.died().await
    }

    async fn stop(self) {
        self.stop().await;
    }
}

/// A server that is kept running.
#[derive(Debug)]
pub(super) struct Supervised {
    url: String,
    name: &'static str,
    /// What is wrong, while something is.
    wrong: watch::Receiver<Option<String>>,
    /// Asks for a new start, and why.
    anew: mpsc::Sender<String>,
    stop: CancellationToken,
    keeping: JoinHandle<()>,
}

impl Supervised {
    /// Keeps a server running from now on.
    pub(super) fn new<S: Server>(server: S, url: &str) -> Self {
        let (told, wrong) = watch::channel(None);
        let (anew, asked) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let keeping = tokio::spawn(Supervisor { told, asked, stop: stop.clone() }.keep(server));
        Self { url: url.to_owned(), name: S::NAME, wrong, anew, stop, keeping }
    }

    /// Returns its address, which stays the same.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns what starts it anew where it runs and yet does not work.
    pub(super) fn anew(&self) -> mpsc::Sender<String> {
        self.anew.clone()
    }

    /// Adds how it is to what readiness tells.
    pub(super) fn probe(&self, probes: Probes) -> Probes {
        let wrong = self.wrong.clone();
        probes.with(self.name, move || std::future::ready(wrong.borrow().clone().map_or(Ok(None), Err)))
    }

    /// Stops it for good.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        if self.keeping.await.is_err() {
            tracing::warn!(server = self.name, "who kept it running broke down");
        }
    }
}

struct Supervisor {
    told: watch::Sender<Option<String>>,
    asked: mpsc::Receiver<String>,
    stop: CancellationToken,
}

impl Supervisor {
    async fn keep<S: Server>(mut self, mut server: S) {
        let mut pauses = PAUSES.build();
        loop {
            let began = Instant::now();
            let why = tokio::select! {
                () = self.stop.cancelled() => return server.stop().await,
                death = server.died() => death.to_string(),
                Some(why) = self.asked.recv() => why,
            };
            if began.elapsed() >= RECOVERED_AFTER {
                pauses = PAUSES.build();
            }
            tracing::error!(server = S::NAME, why, "a server is started again");
            self.told.send_replace(Some(format!("it is started again: {}", in_short(&why))));
            let (data, again) = (server.files(), server.again());
            // Nothing may be left of it: its files have one user.
            server.stop().await;
            let Some(started) = self.start_again::<S>(&data, &again, &mut pauses).await else { return };
            server = started;
            self.told.send_replace(None);
            tracing::warn!(server = S::NAME, "the server runs again");
        }
    }

    /// Tries until it runs; none where the whole is to stop.
    async fn start_again<S: Server>(
        &self,
        data: &DataDir,
        again: &S::Again,
        pauses: &mut (dyn Iterator<Item = Duration> + Send + Sync),
    ) -> Option<S> {
        loop {
            let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
            let started = async {
                sleep(pause).await;
                S::start(data, again.clone()).await
            };
            let error = match self.stop.run_until_cancelled(started).await? {
                Ok(server) => return Some(server),
                Err(error) => error.to_string(),
            };
            tracing::error!(server = S::NAME, error, "a server could not be started again; the next try follows");
            self.told.send_replace(Some(format!("it cannot be started again yet: {}", in_short(&error))));
        }
    }
}

/// Anybody may ask for readiness, and is told what happened; folders and the end of the server's own log are for our log.
fn in_short(text: &str) -> &str {
    text.lines().next().and_then(|line| line.split(". ").next()).unwrap_or_default()
}
