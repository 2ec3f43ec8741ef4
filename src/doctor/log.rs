//! The log: whether it can be opened as it is, how full it is, and whether it is the one whose heads were signed.

use std::collections::BTreeMap;

use nats::{Backbone, Opening};

use super::finding::Finding;
use crate::config::Config;
use crate::heads::HeadKeeper;
use crate::heads::file::HeadsFile;
use crate::installation::{self, Servers};

const PART: &str = "log";
/// From here on it will be full, and from there on it takes only endings and erasures.
const FILLS_FROM: f64 = 0.75;
const FULL_FROM: f64 = 0.9;
/// Heads are signed every five minutes; so many minutes without one are three that failed.
const OLD_HEAD_MINUTES: i64 = 15;
/// How far clocks may be apart, in seconds.
const APART: i64 = 5;

/// Opens it as a command that reads, which compares its streams with what they must be.
pub(super) async fn open(config: &Config, servers: &Servers) -> anyhow::Result<Backbone> {
    let secrets = installation::read_secrets(&config.data)?;
    installation::open_log(config, servers, secrets, Opening::Read).await
}

/// Says that it could not be opened.
pub(super) fn closed(error: &anyhow::Error) -> Finding {
    let mend = "see whether nats-server runs, and, where its streams were changed, put their settings back as told";
    Finding::critical(PART, format!("{error:#}"), mend)
}

pub(super) async fn look(config: &Config, backbone: &Backbone) -> Vec<Finding> {
    let mut findings = vec![fullness(backbone).await];
    findings.extend(heads(config, backbone).await);
    if config.nats_url.is_some() {
        findings.push(Finding::warning(
            PART,
            "whether each nats-server writes to its disk before it acknowledges is seen by nobody from here",
            "see that every one has `sync_interval: always` in its jetstream settings, or three replicas on machines that do not fail at once",
        ));
    }
    findings
}

async fn fullness(backbone: &Backbone) -> Finding {
    let share = match backbone.fullness().await {
        Ok(share) => share,
        Err(error) => return Finding::critical(PART, error.to_string(), "see whether nats-server has a leader for each stream"),
    };
    let found = format!("the fullest of {} shards is at {:.0} % of its limit", backbone.shards().count(), share * 100.0);
    let mend = "raise `shard_grows_to`, or let links be erased and pruned sooner (`prune_after_days`)";
    if share >= FULL_FROM {
        Finding::critical(PART, format!("{found}: it takes only endings and erasures"), mend)
    } else if share >= FILLS_FROM {
        Finding::warning(PART, found, mend)
    } else {
        Finding::ok(PART, found)
    }
}

async fn heads(config: &Config, backbone: &Backbone) -> Vec<Finding> {
    let file = HeadsFile::of(config);
    let newest: BTreeMap<_, _> = match file.newest(backbone.signer()) {
        Ok(newest) => newest,
        Err(error) => {
            let mend =
                format!("put {} back from a backup, or move it away: heads are then signed from now on", file.path().display());
            return vec![Finding::critical(PART, format!("{error:#}"), mend)];
        }
    };
    let contradictions = match HeadKeeper::new(config, backbone).compare().await {
        Ok(contradictions) => contradictions,
        Err(error) => {
            return vec![Finding::critical(PART, format!("{error:#}"), "see whether nats-server has a leader for each stream")];
        }
    };
    let mend = "run `tempchat log verify`, which says where; only a backup of the log mends that";
    let mut findings: Vec<_> = contradictions.iter().map(|fault| Finding::critical(PART, fault.to_string(), mend)).collect();
    let now = command_service::clock::now();
    let age = |head: &nats::SignedHead| (now - head.at).0 / 1_000;
    let ages: Vec<_> = newest.values().map(age).collect();
    match (ages.iter().max(), ages.iter().min()) {
        (_, Some(youngest)) if *youngest < -APART => findings.push(Finding::critical(
            PART,
            format!("a head of the log was signed {} s from now, by this machine's clock", -youngest),
            "set the clock: expiry is decided by it",
        )),
        (Some(oldest), _) if *oldest > OLD_HEAD_MINUTES * 60 => findings.push(Finding::warning(
            PART,
            format!("the newest head of a shard was signed {} minutes ago", oldest / 60),
            "see the log of the service: a process with a gateway or a worker signs one every five minutes",
        )),
        (Some(_), _) => {
            findings.push(Finding::ok(PART, format!("it continues the newest signed head of each of {} shards", ages.len())));
        }
        (None, _) => findings.push(Finding::warning(
            PART,
            format!("no head of it was ever signed into {}", file.path().display()),
            "start `tempchat up`, or see that `heads_file` is the one of this installation",
        )),
    }
    findings
}
