//! `tempchat doctor`: looks at all that an installation needs, changes nothing, and says of each fault what mends it.

mod finding;
mod folder;
mod log;
mod rows;
mod service;
mod settings;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use console::Style;
use serde_json::json;
use tokio::time::timeout;

use crate::config::Config;
use crate::installation::Servers;
use crate::output::{line, print};
use finding::{Finding, Level};

/// How long one part may take to be looked at.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks, prints what was found, and ends with 0 where all is well, 1 with warnings, 2 where something is critical.
pub(crate) async fn run(data: &Path, file: Option<&Path>, as_json: bool) -> Result<ExitCode> {
    let findings = look(data, file).await;
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    if as_json {
        print(true, &json!({"worst": worst, "findings": findings}), "");
    } else {
        for finding in &findings {
            tell(finding);
        }
    }
    Ok(match worst {
        Level::Ok => ExitCode::SUCCESS,
        Level::Warning => ExitCode::from(1),
        Level::Critical => ExitCode::from(2),
    })
}

async fn look(data: &Path, file: Option<&Path>) -> Vec<Finding> {
    let config = match Config::load(data, file, None) {
        Ok(config) => config,
        Err(error) => return vec![Finding::critical("settings", format!("{error:#}"), "mend the setting, then look again")],
    };
    let mut findings = settings::look(&config);
    findings.extend(folder::look(&config));
    findings.extend(service::look(&config).await);
    match Servers::running(&config) {
        Ok(servers) => findings.extend(look_at_servers(&config, &servers).await),
        Err(error) => {
            findings.push(Finding::critical(
                "servers",
                format!("{error:#}"),
                "look again then: the log and the rows were not looked at",
            ));
        }
    }
    findings
}

async fn look_at_servers(config: &Config, servers: &Servers) -> Vec<Finding> {
    let opened = timeout(PATIENCE, log::open(config, servers)).await.unwrap_or_else(|late| Err(late.into()));
    let log = match &opened {
        Ok(backbone) => within("log", log::look(config, backbone)).await,
        Err(error) => vec![log::closed(error)],
    };
    let rows = within("rows", rows::look(config, servers, opened.as_ref().ok())).await;
    log.into_iter().chain(rows).collect()
}

/// A server that does not answer is a finding, and does not hold up the others.
async fn within(part: &'static str, look: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    timeout(PATIENCE, look).await.unwrap_or_else(|_| {
        let found = format!("no answer within {} s", PATIENCE.as_secs());
        vec![Finding::critical(part, found, "see whether its server runs and is reached from here")]
    })
}

/// Colour only where a terminal reads it.
fn tell(finding: &Finding) {
    let (word, style) = match finding.level {
        Level::Ok => ("ok", Style::new().green()),
        Level::Warning => ("warning", Style::new().yellow()),
        Level::Critical => ("critical", Style::new().red().bold()),
    };
    line(format_args!("{} {}: {}", style.apply_to(format!("{word:>8}")), finding.part, finding.found));
    if let Some(mend) = &finding.mend {
        line(format_args!("         -> {mend}"));
    }
}
