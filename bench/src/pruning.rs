//! `./dev bench pruning`: erased sessions leave the log while people go on chatting.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use command_service::NewLink;
use domain::session::EndReason;
use domain::{AgentId, Millis, Target};
use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use nats::Actor;
use pruning::{Pruner, Settings};
use serde_json::json;
use tokio::time::{Instant, interval, sleep};

use crate::clients::Chatter;
use crate::http::Connection;
use crate::installation::Installation;
use crate::{load, sessions};

/// Sessions of each erased link.
const SESSIONS_OF_LINK: usize = 50;
/// Links that are filled at once.
const LINKS_AT_ONCE: usize = 16;
/// People who chat meanwhile, and how often each says something.
const CHATTERS: usize = 8;
const EVERY: Duration = Duration::from_millis(40);
/// How long they chat before anything is pruned.
const BEFORE: Duration = Duration::from_secs(20);

/// Options of `./dev bench pruning`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Erased sessions
    #[arg(long, default_value_t = 10_000)]
    sessions: usize,
}

/// Fills, erases, and prunes beside live traffic.
pub(crate) async fn run(options: Options, as_json: bool) -> Result<()> {
    let installation = Installation::start().await?;
    let outcome = measure(&installation, &options, as_json).await;
    installation.stop().await;
    outcome
}

async fn measure(installation: &Installation, options: &Options, as_json: bool) -> Result<()> {
    let projector = installation.start_projector();
    installation.start_worker();
    let gateway = installation.start_gateway().await?;
    let (agent, _) = installation.commands.register_agent("past").await?;
    let began = Instant::now();
    let links = (0..options.sessions).step_by(SESSIONS_OF_LINK).map(|first| (options.sessions - first).min(SESSIONS_OF_LINK));
    stream::iter(links)
        .map(|sessions| erased_link(installation, agent, sessions))
        .buffer_unordered(LINKS_AT_ONCE)
        .try_collect::<()>()
        .await?;
    let wanted = i64::try_from(options.sessions.div_ceil(SESSIONS_OF_LINK))?;
    while count(installation, "SELECT count(*) FROM link WHERE erased_at IS NOT NULL").await? < wanted {
        sleep(Duration::from_millis(200)).await;
    }
    installation.project_all(&projector).await?;
    let filled = began.elapsed();
    let rows = digest(installation).await?;

    let live = sessions::make(&installation.backbone, &installation.commands, 4, CHATTERS).await?;
    let chatters = live.iter().filter_map(|address| match address.target {
        Target::Session(session) => Some(Chatter::of(&installation.credentials, address.agent, session, gateway)),
        Target::Agent | Target::Link(_) => None,
    });
    let chatters: Vec<_> = chatters.map(Arc::new).collect();
    let before = chat(&chatters, async {
        sleep(BEFORE).await;
        Ok(())
    })
    .await?;
    let disk_before = bytes(installation.log_folder())?;
    let settings = Settings { after: Millis(0), archive: None };
    let mut pruner = Pruner::new(&installation.backbone, &installation.pool, settings);
    let (began, records) = (Instant::now(), AtomicUsize::new(0));
    let mut gone = pruning::Pruned::default();
    let during = chat(&chatters, async {
        gone = pruner
            .prune(|_| {
                records.fetch_add(1, Ordering::Relaxed);
            })
            .await?;
        Ok(())
    })
    .await?;
    let took = began.elapsed();
    let disk_after = bytes(installation.log_folder())?;
    installation.project_all(&projector).await?;
    let (left, figures) =
        (count(installation, "SELECT count(*) FROM link WHERE erased_at IS NOT NULL").await?, digest(installation).await?);
    ensure!(left == 0, "{left} erased links are left");
    ensure!(figures.0 == rows.0, "the figures have changed: {} and {}", rows.0, figures.0);
    let mut verified = Vec::new();
    for shard in installation.backbone.shards() {
        verified.push(installation.backbone.verify(shard, &[]).await?);
    }
    let rebuilding = Instant::now();
    for shard in installation.backbone.shards() {
        projector::rebuild(&installation.backbone, &installation.pool, shard, |_| {}).await?;
    }
    let rebuilt = rebuilding.elapsed();
    ensure!(digest(installation).await?.1 == figures.1, "the rows are others after a rebuild of the pruned log");
    let missing: u64 = verified.iter().map(|shard| shard.pruned).sum();
    if as_json {
        println!(
            "{}",
            json!({
                "sessions": gone.sessions, "links": gone.links, "commits": gone.commits, "records": records.into_inner(),
                "verified_missing": missing, "fill_seconds": filled.as_secs_f64(), "prune_seconds": took.as_secs_f64(),
                "rebuild_seconds": rebuilt.as_secs_f64(), "disk_bytes_before": disk_before, "disk_bytes_after": disk_after,
                "post_before": quantiles(&before), "post_during": quantiles(&during),
            })
        );
    } else {
        println!(
            "{} sessions of {} links, {} commits, pruned in {:.1} s ({missing} missing, all recorded); filled and erased in {:.0} s",
            gone.sessions,
            gone.links,
            gone.commits,
            took.as_secs_f64(),
            filled.as_secs_f64()
        );
        println!(
            "POST, {CHATTERS} people, one message each {EVERY:?}, in ms: before {}, meanwhile {}",
            quantiles(&before),
            quantiles(&during)
        );
        println!("the log on disk: {disk_before} bytes before, {disk_after} after");
        println!("rows made again from the pruned log, equal: {:.1} s", rebuilt.as_secs_f64());
    }
    Ok(())
}

/// One link with short chats, all of it erased as soon as the worker comes to it.
async fn erased_link(installation: &Installation, agent: AgentId, sessions: usize) -> Result<()> {
    let commands = &installation.commands;
    let new = NewLink { keep_after_end: Millis(0), ..sessions::new_link(sessions) };
    let (link, _) = commands.create_link(agent, Actor::Operator, new, None).await?;
    for number in 0..sessions {
        let session = sessions::start(commands, agent, link, number).await?;
        for id in ["1", "2", "3", "4"] {
            commands.post(session, Actor::Chatter, id, "Hello! Is Friday at ten still free?").await?;
        }
        commands.end(session, Actor::Operator, EndReason::AgentEnded, None).await?;
    }
    commands.revoke_link(agent, Actor::Operator, link, true, None).await?;
    Ok(())
}

/// Keeps all chatters posting until `meanwhile` is over; returns how long each POST took, in microseconds.
async fn chat(chatters: &[Arc<Chatter>], meanwhile: impl Future<Output = Result<()>>) -> Result<Histogram<u64>> {
    let over = Arc::new(AtomicBool::new(false));
    let talking: Vec<_> = chatters.iter().map(|chatter| tokio::spawn(talk(Arc::clone(chatter), Arc::clone(&over)))).collect();
    let done = meanwhile.await;
    over.store(true, Ordering::Relaxed);
    let mut micros = load::histogram();
    for talked in talking {
        micros.add(talked.await??)?;
    }
    done.map(|()| micros)
}

async fn talk(chatter: Arc<Chatter>, over: Arc<AtomicBool>) -> Result<Histogram<u64>> {
    static MESSAGES: AtomicUsize = AtomicUsize::new(0);
    let mut connection: Connection = chatter.connect().await?;
    let (mut micros, mut ticks) = (load::histogram(), interval(EVERY));
    while !over.load(Ordering::Relaxed) {
        ticks.tick().await;
        let id = format!("live-{}", MESSAGES.fetch_add(1, Ordering::Relaxed));
        let at = Instant::now();
        chatter.post_on(&mut connection, &id, "And on Monday?").await?;
        micros.saturating_record(u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(micros)
}

fn quantiles(micros: &Histogram<u64>) -> String {
    let [median, p99, most] = [0.5, 0.99, 1.0].map(|quantile| load::millis(micros, quantile));
    format!("p50 {median:.1}, p99 {p99:.1}, most {most:.1} of {}", micros.len())
}

async fn count(installation: &Installation, sql: &'static str) -> Result<i64> {
    Ok(sqlx::query_scalar(sql).fetch_one(&installation.pool).await?)
}

/// Sums up what survives pruning, and hashes every row of sessions, links and figures.
async fn digest(installation: &Installation) -> Result<(String, String)> {
    let figures = "SELECT sum(sessions) || ' sessions, ' || sum(chatter_messages) || ' messages, ' || (
            SELECT md5(string_agg(session_duration::TEXT, '' ORDER BY session_duration::TEXT)) FROM session_duration
        )
        FROM session_sum";
    let rows = "SELECT md5(coalesce(string_agg(row, '' ORDER BY row), ''))
        FROM (
            SELECT session::TEXT AS row FROM session
            UNION ALL SELECT link::TEXT FROM link
            UNION ALL SELECT session_sum::TEXT FROM session_sum
            UNION ALL SELECT session_duration::TEXT FROM session_duration
            UNION ALL SELECT link_sum::TEXT FROM link_sum
            UNION ALL SELECT event::TEXT FROM event
        ) AS rows";
    let figures: String = sqlx::query_scalar(figures).fetch_one(&installation.pool).await?;
    let rows: String = sqlx::query_scalar(rows).fetch_one(&installation.pool).await?;
    Ok((figures, rows))
}

/// Adds up the blocks of a folder's files.
fn bytes(folder: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { bytes(&entry.path())? } else { metadata.blocks() * 512 };
    }
    Ok(sum)
}
