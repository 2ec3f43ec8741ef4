//! The rows: whether PostgreSQL takes them, how far they are behind the log, and whether its clock is ours.

use domain::Timestamp;
use nats::Backbone;
use sqlx::PgPool;

use super::finding::Finding;
use crate::config::Config;
use crate::installation::{self, Servers};

const PART: &str = "rows";
/// So many commits of one shard are more than a busy moment.
const BEHIND: u64 = 1_000;
/// How far clocks may be apart, in milliseconds: chats expire by ours, commands fall due by the server's.
const APART: i64 = 5_000;
/// Connections that PostgreSQL keeps for its superuser, and that a person needs to look at it.
const SPARE: i64 = 5;

pub(super) async fn look(config: &Config, servers: &Servers, backbone: Option<&Backbone>) -> Vec<Finding> {
    let pool = match installation::read_rows(servers).await {
        Ok(pool) => pool,
        Err(error) => {
            return vec![Finding::critical(PART, format!("{error:#}"), "see whether PostgreSQL runs, and mend what is told")];
        }
    };
    let findings = server(config, &pool)
        .await
        .unwrap_or_else(|error| vec![Finding::critical(PART, format!("PostgreSQL cannot be asked: {error}"), "see its log")]);
    // What is wrong with the log is told of the log.
    let lag = match backbone {
        Some(backbone) => lag(backbone, &pool).await,
        None => Vec::new(),
    };
    pool.close().await;
    findings.into_iter().chain(lag).collect()
}

async fn server(config: &Config, pool: &PgPool) -> sqlx::Result<Vec<Finding>> {
    let (is_standby, is_read_only, most): (bool, bool, i64) = sqlx::query_as(
        "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')::BOOLEAN, \
                current_setting('max_connections')::BIGINT",
    )
    .fetch_one(pool)
    .await?;
    let before = command_service::clock::now();
    let theirs: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT").fetch_one(pool).await?;
    let after = command_service::clock::now();
    let mut findings = Vec::new();
    if is_standby || is_read_only {
        findings.push(Finding::critical(
            PART,
            "this PostgreSQL takes nothing: it is a standby, or set to read only",
            "name the primary as DATABASE_URL",
        ));
    }
    let wanted = i64::from(config.reader_connections + config.writer_connections + config.webhook_connections);
    if most < wanted + SPARE {
        findings.push(Finding::warning(
            PART,
            format!("one process of ours opens up to {wanted} connections, and PostgreSQL takes {most}"),
            "raise its `max_connections`, or lower `reader_connections`, `writer_connections` and `webhook_connections`",
        ));
    }
    let apart = apart(before, after, theirs);
    if apart > APART {
        findings.push(Finding::critical(
            PART,
            format!(
                "the clocks of this machine and of PostgreSQL are {:.1} s apart",
                f64::from(i32::try_from(apart).unwrap_or(i32::MAX)) / 1_000.0
            ),
            "let both follow a time server: chats expire and commands fall due by them",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(PART, "PostgreSQL takes them, with this release's schema; its clock is ours"));
    }
    Ok(findings)
}

/// Returns how far a moment is at least outside of two others.
fn apart(before: Timestamp, after: Timestamp, theirs: i64) -> i64 {
    (before.0 - theirs).max(theirs - after.0).max(0)
}

async fn lag(backbone: &Backbone, pool: &PgPool) -> Vec<Finding> {
    let reached = match follower::checkpoints(pool).await {
        Ok(reached) => reached,
        Err(error) => {
            return vec![Finding::critical(
                PART,
                format!("how far they have come is not known: {error}"),
                "see PostgreSQL's log",
            )];
        }
    };
    let mut findings = Vec::new();
    for progress in &reached {
        let Ok(end) = backbone.end(progress.shard).await else { continue };
        let behind = end.saturating_sub(progress.sequence);
        if behind > BEHIND {
            findings.push(Finding::warning(
                PART,
                format!("`{}` is {behind} commits behind in shard {}", progress.projection, progress.shard),
                "see the log of the service for what stops it; `tempchat rebuild` makes rows anew",
            ));
        } else if progress.sequence > end {
            findings.push(Finding::critical(
                PART,
                format!(
                    "`{}` was made of {} commits of shard {}, which has {end}",
                    progress.projection, progress.sequence, progress.shard
                ),
                "the log was cut or put back from an older copy: run `tempchat log verify`, then `tempchat rebuild`",
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(PART, format!("they are up to date with the log, in {} places", reached.len())));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_within_the_question_is_ours() {
        let apart = |theirs| apart(Timestamp(1_000), Timestamp(1_200), theirs);
        assert_eq!([apart(1_100), apart(900), apart(7_200)], [0, 100, 6_000]);
    }
}
