//! `tempchat schedule`: what falls due, what failed for good, and trying that again.

use anyhow::Result;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use command_service::schedule::{self, Filter, Retry, Schedule, ScheduledCommand};
use domain::{LinkId, SessionId, Target};
use gateway::Moment;
use projector::PassedOver;
use serde_json::{Value, json};
use sqlx::PgPool;
use webhooks::DeadDeliveries;

use crate::config::Config;
use crate::installation::{self, Servers};
use crate::output::print;

/// How many retried commands are named on a terminal.
const NAMED: usize = 50;

/// What to do with scheduled commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List what falls due and what failed for good, the failed first
    ///
    /// A scheduled command ends, expires or erases a link or session when its time comes. One that fails is tried again for about
    /// an hour; then it is dead, and `tempchat schedule retry` brings it to life. Only erasures go on by themselves, hourly at first
    /// and daily in the end: their `due` is the next try. Without --link and --session the list ends with commits of a newer version
    /// that the read models passed over, and with calls to webhooks that were given up.
    List(ListOptions),
    /// Try dead scheduled commands again, now, with all their attempts before them
    Retry(RetryOptions),
}

/// Options of `tempchat schedule list`.
#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Only what failed for good
    #[arg(long)]
    dead: bool,
    /// One agent's only (agt_…)
    #[arg(long, value_name = "AGENT")]
    agent: Option<domain::AgentId>,
    /// One link's and its sessions' only (lnk_…)
    #[arg(long, value_name = "LINK")]
    link: Option<LinkId>,
    /// One session's only (ses_…)
    #[arg(long, value_name = "SESSION")]
    session: Option<SessionId>,
    /// How many of each kind, at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

/// Options of `tempchat schedule retry`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct RetryOptions {
    /// Links (lnk_…) and sessions (ses_…) whose dead commands are tried again; none is, if one of them has none
    #[arg(value_name = "TARGET", value_parser = target)]
    targets: Vec<Target>,
    /// All that are dead
    #[arg(long)]
    all: bool,
}

/// Carries out a command about scheduled commands.
pub(crate) async fn run(config: Config, command: Command, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    match command {
        Command::List(options) => list(&installation::read_rows(&servers).await?, &options, as_json).await,
        Command::Retry(options) => retry(&installation::open_rows(&servers).await?, &options, as_json).await,
    }
}

async fn list(pool: &PgPool, options: &ListOptions, as_json: bool) -> Result<()> {
    let ListOptions { dead, agent, link, session, limit } = *options;
    let schedule = schedule::list(pool, Filter { dead, agent, link, session }, limit).await?;
    let (commits, deliveries) = if link.is_none() && session.is_none() {
        (projector::passed_over(pool, agent, limit).await?, webhooks::dead_deliveries(pool, agent, limit).await?)
    } else {
        (vec![], vec![])
    };
    let value = json!({
        "limit": limit,
        "commands": schedule.commands.iter().map(as_value).collect::<Vec<_>>(),
        "has_more": schedule.has_more,
        "commits_passed_over": commits.iter().map(|commit| json!({
            "shard": commit.shard.0, "sequence": commit.sequence, "agent_id": commit.agent, "target_id": id(commit.target),
            "types": commit.types,
        })).collect::<Vec<_>>(),
        "webhook_deliveries_dead": deliveries.iter().map(|dead| json!({
            "agent_id": dead.agent, "link_id": dead.link, "count": dead.count,
        })).collect::<Vec<_>>(),
    });
    let sections = [Some(commands(&schedule, options)), passed_over(&commits), undelivered(&deliveries)];
    print(as_json, &value, &sections.into_iter().flatten().collect::<Vec<_>>().join("\n\n"));
    Ok(())
}

/// Shows scheduled commands, and what can be done about them.
fn commands(schedule: &Schedule, options: &ListOptions) -> String {
    if schedule.commands.is_empty() {
        return if options.dead { "no scheduled command has failed for good" } else { "nothing is scheduled" }.to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["due", "command", "for", "agent", "tries", "dead since", "last error"]);
    for command in &schedule.commands {
        table.add_row([
            Moment(command.due_at).to_string(),
            command.purpose.clone(),
            id(command.target).unwrap_or_default(),
            command.agent.to_string(),
            command.attempts.to_string(),
            command.dead_at.map(|at| Moment(at).to_string()).unwrap_or_default(),
            command.last_error.clone().unwrap_or_default(),
        ]);
    }
    let mut text = table.trim_fmt();
    if schedule.has_more {
        text = format!("{text}\n\nThese are the first {}; --limit shows up to 1000.", options.limit);
    }
    if schedule.commands.iter().any(|command| command.dead_at.is_some()) {
        text = format!(
            "{text}\n\n`tempchat schedule retry TARGET…` or `--all` tries dead ones again. Erasures also try by themselves."
        );
    }
    text
}

fn passed_over(commits: &[PassedOver]) -> Option<String> {
    let lines = commits.iter().map(|commit| {
        let target = id(commit.target).unwrap_or_else(|| commit.agent.to_string());
        format!("  {}:{} {target} {}", commit.shard, commit.sequence, commit.types)
    });
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty())
        .then(|| format!("commits of a newer version, passed over; upgrade, then `tempchat rebuild`:\n{}", lines.join("\n")))
}

fn undelivered(deliveries: &[DeadDeliveries]) -> Option<String> {
    let lines = deliveries.iter().map(|dead| {
        let link = dead.link.map(|link| format!(" --link {link}")).unwrap_or_default();
        format!("  {}: `tempchat agent webhook redeliver {}{link}`", dead.count, dead.agent)
    });
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty())
        .then(|| format!("calls to webhooks that were given up; `tempchat agent webhook list` says why:\n{}", lines.join("\n")))
}

async fn retry(pool: &PgPool, options: &RetryOptions, as_json: bool) -> Result<()> {
    let which = if options.all { Retry::All } else { Retry::Of(&options.targets) };
    let retried = schedule::retry(pool, which).await?;
    let mut lines: Vec<String> = retried
        .iter()
        .take(NAMED)
        .map(|command| format!("{} {}: due now", id(command.target).unwrap_or_default(), command.purpose))
        .collect();
    lines.push(match retried.len() {
        0 => "no scheduled command has failed for good".to_owned(),
        1 => "1 scheduled command is tried again".to_owned(),
        count => format!("{count} scheduled commands are tried again"),
    });
    print(as_json, &json!({"retried": retried.iter().map(as_value).collect::<Vec<_>>()}), &lines.join("\n"));
    Ok(())
}

fn as_value(command: &ScheduledCommand) -> Value {
    json!({
        "target_id": id(command.target),
        "purpose": command.purpose,
        "agent_id": command.agent,
        "link_id": command.link,
        "due_at": Moment(command.due_at),
        "attempts": command.attempts,
        "dead_at": command.dead_at.map(Moment),
        "last_error": command.last_error,
    })
}

/// Writes the id of a link or session.
fn id(target: Target) -> Option<String> {
    match target {
        Target::Agent => None,
        Target::Link(link) => Some(link.to_string()),
        Target::Session(session) => Some(session.to_string()),
    }
}

/// Reads the id of a link or session.
fn target(text: &str) -> Result<Target, &'static str> {
    let link = LinkId::parse(text).map(Target::Link);
    link.or_else(|_| SessionId::parse(text).map(Target::Session)).map_err(|_| "not the id of a link (lnk_…) or session (ses_…)")
}
