//! `tempchat prune`: erased links leave the log now, not within the next minute.

use anyhow::{Context, Result, bail};
use clap::Args;
use domain::Millis;
use indicatif::{ProgressBar, ProgressStyle};
use nats::Opening;
use pruning::{Backlog, Pruned, Pruner};
use serde_json::json;

use crate::config::Config;
use crate::installation::{self, Servers};
use crate::output::print;

const DAY: Millis = Millis::minutes(24 * 60);

/// Options of `tempchat prune`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only tell how many links could go
    #[arg(long)]
    dry_run: bool,
}

/// Prunes what can go by the settings, or tells what that is; safe beside a running installation.
pub(crate) async fn run(config: Config, options: Options, as_json: bool) -> Result<()> {
    let Some(settings) = config.pruning() else {
        bail!("prune_after_days is `never`: set it to a number of days, in tempchat.toml or as TEMPCHAT_PRUNE_AFTER_DAYS");
    };
    let servers = Servers::running(&config)?;
    let secrets = installation::read_secrets(&config.data)?;
    let opening = if options.dry_run { Opening::Read } else { Opening::Write };
    let backbone = installation::open_log(&config, &servers, secrets, opening).await?;
    let pool = if options.dry_run { installation::read_rows(&servers).await? } else { installation::open_rows(&servers).await? };
    let days = settings.after.0 / DAY.0;
    let mut pruner = Pruner::new(&backbone, &pool, settings);
    let Backlog { links, oldest } = pruner.backlog().await?;
    if options.dry_run {
        let oldest = oldest.map(|oldest| oldest.format(&time::format_description::well_known::Rfc3339)).transpose()?;
        let since = oldest.as_ref().map(|oldest| format!("; the first was erased at {oldest}")).unwrap_or_default();
        let plain = format!("links that can be pruned, {days} days after their erasure: {links}{since}");
        print(as_json, &json!({"after_days": days, "links": links, "oldest_erased_at": oldest}), &plain);
        return Ok(());
    }
    let bar = ProgressBar::new(links).with_style(
        ProgressStyle::with_template("pruning {wide_bar} {pos}/{len} links {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    let Pruned { links, sessions, commits } =
        pruner.prune(|pruned| bar.set_position(pruned.links)).await.context("what is pruned so far stays so; run it again")?;
    bar.finish_and_clear();
    let plain = format!("pruned, {days} days after their erasure: links {links}, sessions {sessions}, commits {commits}");
    print(as_json, &json!({"after_days": days, "links": links, "sessions": sessions, "commits": commits}), &plain);
    Ok(())
}
