//! `./dev bench growth`: what calls cost an agent with many past sessions; everything runs in this process, as in `tempchat up`.

mod calls;
mod fill;
mod report;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use follower::Follower;
use serde_json::json;
use time::OffsetDateTime;
use tokio::time::{Instant, sleep};
use webhooks::{Settings, Webhooks};

use crate::clients::Caller;
use crate::installation::Installation;
use calls::{LiveChat, Series};
use fill::Agent;
use report::Report;

/// How often it is looked whether the worker has anything left to do, or PostgreSQL has analyzed its tables.
const POLLS: Duration = Duration::from_millis(100);

/// Options of `./dev bench growth`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Past sessions of the agent, smallest first; each number adds to those there are
    #[arg(long, value_delimiter = ',', default_value = "50,1000,5000,20000")]
    sizes: Vec<usize>,
    /// Calls of each operation at each size
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// Seconds to wait, after a first measurement, until PostgreSQL has analyzed its tables by itself, for a second; 0 leaves it out
    #[arg(long, default_value_t = 75)]
    settle: u64,
}

/// Fills and measures, size after size, on one installation.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    ensure!(options.sizes.is_sorted(), "--sizes are to be in order, smallest first");
    let mut setup = Setup::start(options.calls).await?;
    let mut fresh = Report::new("right after filling");
    let mut settled = Report::new("after PostgreSQL has analyzed its tables by itself");
    let settle = (options.settle > 0).then(|| Duration::from_secs(options.settle));
    let outcome = async {
        for size in options.sizes {
            let filled = setup.grow(size).await?;
            filled.print(as_json);
            fresh.add(size, setup.measure().await?);
            if let Some(settle) = settle {
                setup.wait_for_analysis(filled.at, settle, as_json).await?;
                settled.add(size, setup.measure().await?);
            }
        }
        Ok(())
    };
    // Where a larger size fails, the smaller ones are printed all the same.
    let outcome = outcome.await;
    fresh.print(as_json);
    settled.print(as_json);
    setup.installation.stop().await;
    outcome
}

/// An installation with everything on, and the agent that has the past.
struct Setup {
    installation: Installation,
    projector: Arc<Follower>,
    webhooks: Arc<Webhooks>,
    gateway: SocketAddr,
    agent: Agent,
    caller: Caller,
    calls: usize,
    /// Sessions that the agent has had.
    past: usize,
}

/// What filling took.
struct Filled {
    /// When rows and worker had caught up, by PostgreSQL's clock.
    at: OffsetDateTime,
    size: usize,
    /// From the first command to the last acknowledgement.
    wrote: Duration,
    /// From there until projector, worker and webhooks had nothing left to do.
    caught_up: Duration,
    /// How often PostgreSQL had analyzed the sessions' table by itself, and how many of its rows changed since.
    analyses: i64,
    changed_since: i64,
}

impl Setup {
    async fn start(calls: usize) -> Result<Self> {
        let installation = Installation::start().await?;
        let projector = installation.start_projector();
        installation.start_worker();
        let webhooks = Arc::new(installation.start_webhooks(&Settings::default(), &installation.stop)?);
        let running = Arc::clone(&webhooks);
        installation.tasks.spawn(async move { running.finished().await });
        let gateway = installation.start_gateway().await?;
        let commands = installation.commands.clone();
        let (id, _) = commands.register_agent("growth").await?;
        let caller = Caller::of(&commands, id, gateway).await?;
        let agent = Agent { commands, id, key: caller.key };
        Ok(Self { installation, projector, webhooks, gateway, agent, caller, calls, past: 0 })
    }

    /// Lets the agent have so many past sessions, and waits until all parts have taken them in.
    async fn grow(&mut self, size: usize) -> Result<Filled> {
        let began = Instant::now();
        self.agent.add_past(size.saturating_sub(self.past)).await?;
        self.past = self.past.max(size);
        let wrote = began.elapsed();
        self.catch_up().await?;
        let caught_up = began.elapsed().saturating_sub(wrote);
        let (at, analyses, changed_since) = sqlx::query_as(
            "
            SELECT now(), autoanalyze_count, n_mod_since_analyze
            FROM pg_stat_user_tables
            WHERE relname = 'session'
            ",
        )
        .fetch_one(&self.installation.pool)
        .await?;
        Ok(Filled { at, size, wrote, caught_up, analyses, changed_since })
    }

    /// Waits until the rows and webhooks have taken in the log, and the worker has sent all that was due.
    async fn catch_up(&self) -> Result<()> {
        loop {
            self.installation.project_all(&self.projector).await?;
            for shard in self.installation.backbone.shards() {
                let end = self.installation.backbone.end(shard).await?;
                let standing = self.webhooks.follower().reached(shard, end).await;
                ensure!(standing.stopped.is_none(), "webhooks have stopped: {standing:?}");
            }
            let due: i64 = sqlx::query_scalar("SELECT count(*) FROM scheduled WHERE dead_at IS NULL AND due_at <= now()")
                .fetch_one(&self.installation.pool)
                .await?;
            if due == 0 {
                return Ok(());
            }
            sleep(POLLS).await;
        }
    }

    /// Measures every operation on a live session of its own, which is one of the past ones afterwards.
    async fn measure(&mut self) -> Result<Vec<Series>> {
        let credentials = &self.installation.credentials;
        let chat = LiveChat::open(&self.agent, &self.caller, credentials, self.gateway, self.calls).await?;
        self.past += 1;
        self.catch_up().await?;
        chat.measure().await
    }

    /// Waits until autovacuum has analyzed sessions and events since they were filled.
    async fn wait_for_analysis(&self, since: OffsetDateTime, at_most: Duration, as_json: bool) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < at_most {
            let is_analyzed: bool = sqlx::query_scalar(
                "
                SELECT COALESCE(bool_and(last_autoanalyze >= $1), FALSE)
                FROM pg_stat_user_tables
                WHERE relname IN ('session', 'event')
                ",
            )
            .bind(since)
            .fetch_one(&self.installation.pool)
            .await?;
            if is_analyzed {
                return Ok(());
            }
            sleep(POLLS).await;
        }
        if !as_json {
            println!("  within {} s PostgreSQL saw no need to analyze sessions and events again", at_most.as_secs());
        }
        Ok(())
    }
}

impl Filled {
    fn print(&self, as_json: bool) {
        let (wrote, caught_up) = (self.wrote.as_secs_f64(), self.caught_up.as_secs_f64());
        if as_json {
            println!(
                "{}",
                json!({
                    "past_sessions": self.size, "filled_in_seconds": wrote, "caught_up_in_seconds": caught_up,
                    "automatic_analyses_of_session": self.analyses, "rows_changed_since": self.changed_since,
                })
            );
            return;
        }
        println!(
            "{} past sessions: filled in {wrote:.1} s, rows, worker and webhooks caught up {caught_up:.1} s later; `session` was \
             analyzed {} times by then (automatically; {} rows changed since)",
            self.size, self.analyses, self.changed_since
        );
    }
}
