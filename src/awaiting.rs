//! Servers that come up later than we do: after a reboot, or where everything is started at once. They are waited for, and readiness says so.

use std::time::Duration;

use anyhow::{Error, Result};
use backon::{BackoffBuilder, ExponentialBuilder};
use gateway::Missing;
use nats::{Backbone, Opening, Secrets};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::config::Config;
use crate::installation::{self, Pools, Servers};

/// The pauses before a server is tried again.
const PAUSES: ExponentialBuilder =
    ExponentialBuilder::new().with_min_delay(Duration::from_millis(200)).with_max_delay(LONGEST_PAUSE).without_max_times();
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// PostgreSQL's answers that pass: starting, stopping, recovering (57P0x), too many connections (53300).
const PASSING: [&str; 4] = ["57P01", "57P02", "57P03", "53300"];
/// nats-server's codes for what passes: JetStream is not there yet, no leader, too few servers of a cluster.
const PASSING_IN_LOG: [u64; 3] = [10_008, 10_009, 10_005];

/// Opens the log and the rows, and waits for each where `waits` says so. Meanwhile `listener` says what is missing.
pub(crate) async fn open(
    config: &Config,
    servers: &Servers,
    secrets: impl Fn() -> Result<Secrets>,
    waits: Waits,
    listener: Option<&TcpListener>,
) -> Result<(Backbone, Pools)> {
    let (told, missing) = watch::channel(Missing { part: "log", detail: "not reached yet".to_owned() });
    let opened = async {
        let log = || async { installation::open_log(config, servers, secrets()?, Opening::Keep).await };
        let backbone = attempt("log", "nats-server", waits.for_log, &told, log).await?;
        let rows = || Pools::open(config, servers);
        Ok((backbone, attempt("postgres", "PostgreSQL", waits.for_rows, &told, rows).await?))
    };
    match listener {
        None => opened.await,
        Some(listener) => tokio::select! {
            opened = opened => opened,
            never = gateway::serve_starting(listener, missing) => match never {},
        },
    }
}

/// Which servers are somebody else's, so that nobody but an operator knows when they come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub(crate) for_log: bool,
    pub(crate) for_rows: bool,
}

impl Waits {
    /// Waits for both.
    pub(crate) const FOR_BOTH: Self = Self { for_log: true, for_rows: true };
}

async fn attempt<T, F: Future<Output = Result<T>>>(
    part: &'static str,
    server: &'static str,
    waits: bool,
    told: &watch::Sender<Missing>,
    opens: impl Fn() -> F,
) -> Result<T> {
    told.send_replace(Missing { part, detail: format!("{server} is not reached yet") });
    let mut pauses = PAUSES.build();
    let mut said = String::new();
    loop {
        let error = match opens().await {
            Ok(opened) => return Ok(opened),
            Err(error) if waits && passes(&error) => error,
            Err(error) => return Err(error),
        };
        let detail = format!("{error:#}");
        if detail != said {
            tracing::warn!("{server} is not there yet, and is waited for: {detail}");
            said.clone_from(&detail);
        }
        told.send_replace(Missing { part, detail });
        sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
    }
}

/// Tells whether time alone may mend an error: a server that is not there, is not found yet, or is not ready.
fn passes(error: &Error) -> bool {
    error.chain().any(|cause| {
        if let Some(error) = cause.downcast_ref::<sqlx::Error>() {
            return match error {
                sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut => true,
                sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| PASSING.contains(&&*code)),
                _ => false,
            };
        }
        match cause.downcast_ref::<nats::Error>() {
            Some(nats::Error::Unavailable(_)) => true,
            Some(nats::Error::Refused { code, .. }) => PASSING_IN_LOG.contains(code),
            Some(error) => error.is_absence(),
            None => false,
        }
    })
}
