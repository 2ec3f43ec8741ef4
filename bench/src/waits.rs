//! `./dev bench waits`: agents that wait on one gateway, what each costs in memory, and how soon it wakes up.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use domain::{AgentId, SessionId, Target};
use futures_util::{StreamExt, TryStreamExt, stream};
use nats::SessionCredentials;
use serde_json::{Value, json};
use servers::DataDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use crate::clients::{Answer, Caller, Chatter, Pending};
use crate::tempchat_process::{TempchatProcess, beside, megabytes};
use crate::{load, sessions};

/// Waits of one key: the service allows 50, and one that is about to end still counts.
const PER_KEY: usize = 40;
/// How long memory may go on changing before it is read.
const SETTLES: Duration = Duration::from_secs(3);
/// How many calls begin at once.
const AT_ONCE: usize = 32;
/// How long a call waits for the end of a burst once it has something: part of every measured time.
const QUIET_MS: u64 = 30;
/// Within how long all messages are sent: no wait may end before.
const SPREAD: Duration = Duration::from_secs(30);
const WAIT: &str = "temp_chat_wait_for_messages";

/// Options of `./dev bench waits`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Agents' calls that wait at once, each in a session of its own
    #[arg(long, default_value_t = 1_000)]
    waits: usize,
    /// Messages a second, each to another session
    #[arg(long, default_value_t = 100)]
    rate: u32,
}

/// A session, its agent's caller and its chatter.
struct Waiter {
    session: SessionId,
    caller: Caller,
    chatter: Chatter,
    cursor: Option<Value>,
}

/// Starts `tempchat up` as a process of its own, and lets one agent wait in each of many sessions.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    let place = DataDir::temporary()?;
    let folder = place.join("up");
    let up = TempchatProcess::start(&folder).await?;
    let mut waiters = make_waiters(&folder, &up, options.waits).await?;
    // Each session is asked once: the memory of a cached session is not that of its wait.
    waiters = stream::iter(waiters).map(take_cursor).buffer_unordered(AT_ONCE).try_collect().await?;
    sleep(SETTLES).await;
    let warm = up.resident()?;
    let waiting: Vec<(Waiter, Pending)> = stream::iter(waiters).map(start_wait).buffer_unordered(AT_ONCE).try_collect().await?;
    sleep(SETTLES).await;
    let busy = up.resident()?;
    let received = post_to_all(waiting, options.rate).await?;
    let lost = count_lost(received.waiters).await?;
    up.stop().await?;
    let each = kilobytes_each(busy.saturating_sub(warm), options.waits);
    let millis = |micros: &hdrhistogram::Histogram<u64>, quantile| load::millis(micros, quantile);
    if as_json {
        println!(
            "{}",
            json!({
                "waits": options.waits, "rate": options.rate, "warm_kb": warm, "waiting_kb": busy, "kb_per_wait": each,
                "post_ms": {"p50": millis(&received.posts, 0.5), "p99": millis(&received.posts, 0.99)},
                "wake_up_ms": {"p50": millis(&received.wakes, 0.5), "p99": millis(&received.wakes, 0.99), "held_for_bursts": QUIET_MS},
                "lost": lost, "doubled": 0,
            })
        );
    } else {
        println!("{} waits on one gateway, each of its own session, everything on, fsync always", options.waits);
        println!("  memory: {:.1} MB warm, {:.1} MB waiting: {each:.1} kB a wait", megabytes(warm), megabytes(busy));
        println!(
            "  POST at {}/s: p50 {:.2} ms, p99 {:.2} ms; from POST to the wait's answer: p50 {:.1} ms, p99 {:.1} ms, of which {QUIET_MS} ms are held for the end of a burst",
            options.rate,
            millis(&received.posts, 0.5),
            millis(&received.posts, 0.99),
            millis(&received.wakes, 0.5),
            millis(&received.wakes, 0.99),
        );
        println!("  {lost} lost, 0 doubled");
    }
    ensure!(lost == 0, "{lost} messages were lost");
    Ok(())
}

async fn make_waiters(folder: &std::path::Path, up: &TempchatProcess, waits: usize) -> Result<Vec<Waiter>> {
    let (backbone, commands, secrets) = beside(folder).await?;
    let sessions = sessions::make(&backbone, &commands, waits.div_ceil(PER_KEY).max(1), waits).await?;
    let credentials = SessionCredentials::new(&secrets);
    let mut callers: HashMap<AgentId, Caller> = HashMap::new();
    let mut waiters = Vec::with_capacity(waits);
    for address in sessions {
        let Target::Session(session) = address.target else { continue };
        let caller = match callers.get(&address.agent) {
            Some(caller) => caller.clone(),
            None => Caller::of(&commands, address.agent, up.gateway).await?,
        };
        callers.insert(address.agent, caller.clone());
        let chatter = Chatter::of(&credentials, address.agent, session, up.gateway);
        waiters.push(Waiter { session, caller, chatter, cursor: None });
    }
    backbone.drain().await;
    Ok(waiters)
}

impl Waiter {
    async fn look(&self) -> Result<Answer> {
        self.caller.call(WAIT, &self.arguments(0)).await
    }

    fn arguments(&self, seconds: u32) -> Value {
        let mut arguments = json!({"session_id": self.session, "timeout_seconds": seconds});
        if let (Some(cursor), Some(object)) = (&self.cursor, arguments.as_object_mut()) {
            object.insert("after".to_owned(), cursor.clone());
        }
        arguments
    }
}

async fn take_cursor(waiter: Waiter) -> Result<Waiter> {
    let cursor = waiter.look().await?.cursor().cloned();
    Ok(Waiter { cursor, ..waiter })
}

async fn start_wait(waiter: Waiter) -> Result<(Waiter, Pending)> {
    let pending = waiter.caller.begin(WAIT, &waiter.arguments(50)).await?;
    Ok((waiter, pending))
}

/// What the agents received, and how soon.
struct Received {
    waiters: Vec<(Waiter, bool)>,
    posts: hdrhistogram::Histogram<u64>,
    wakes: hdrhistogram::Histogram<u64>,
}

/// Lets the chatters write, one after the other, and times each answer.
async fn post_to_all(waiting: Vec<(Waiter, Pending)>, rate: u32) -> Result<Received> {
    let mut received = Received { waiters: Vec::new(), posts: load::histogram(), wakes: load::histogram() };
    let count = u32::try_from(waiting.len()).context("waits are few")?;
    ensure!(count / rate.max(1) < u32::try_from(SPREAD.as_secs())?, "the waits would time out first: choose a higher --rate");
    let mut tick = interval(Duration::from_secs(1) / rate.max(1));
    let mut tasks = JoinSet::new();
    for (waiter, pending) in waiting {
        tick.tick().await;
        tasks.spawn(async move {
            let began = Instant::now();
            let posts = async {
                waiter.chatter.post("one", "Are you there?").await?;
                anyhow::Ok(began.elapsed())
            };
            let answers = async { anyhow::Ok((pending.answer().await?, began.elapsed())) };
            let (post, (answer, wake)) = tokio::try_join!(posts, answers)?;
            anyhow::Ok((waiter, post, answer, wake))
        });
    }
    while let Some(done) = tasks.join_next().await {
        let (mut waiter, post, answer, wake) = done??;
        let is_received = match answer.messages().as_slice() {
            ["Are you there?"] => true,
            [] => false,
            other => bail!("a wait answered {other:?}"),
        };
        waiter.cursor = answer.cursor().cloned();
        received.posts.saturating_record(micros(post));
        received.wakes.saturating_record(micros(wake));
        received.waiters.push((waiter, is_received));
    }
    Ok(received)
}

/// Counts the sessions whose message came neither by the wait nor by the next look; refuses any that came twice.
async fn count_lost(waiters: Vec<(Waiter, bool)>) -> Result<usize> {
    let looks = stream::iter(waiters).map(|(waiter, is_received)| async move { anyhow::Ok((waiter.look().await?, is_received)) });
    let looks: Vec<(Answer, bool)> = looks.buffer_unordered(AT_ONCE).try_collect().await?;
    let mut lost = 0;
    for (answer, is_received) in looks {
        match (answer.messages().len(), is_received) {
            (0, true) | (1, false) => {}
            (0, false) => lost += 1,
            (_, _) => bail!("a message came twice"),
        }
    }
    Ok(lost)
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes are small")]
fn kilobytes_each(all: u64, waits: usize) -> f64 {
    all as f64 / waits.max(1) as f64
}
