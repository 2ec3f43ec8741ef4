//! `tempchat log show --audit`: the audit, oldest first, as it stands.

use std::fmt::Write as _;
use std::str::FromStr;

use anyhow::{Context, Result};
use domain::AgentId;
use nats::{AuditEntry, AuditedEntry, Backbone};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Tells the audit that somebody is about to read words. Nobody reads them unseen: where it cannot be written, they stay closed.
pub(crate) async fn tell_of_reading(backbone: &Backbone, door: &'static str, agent: Option<AgentId>) -> Result<()> {
    let entry = AuditEntry::looked("words_read", door, agent, None);
    backbone.audit().write(&entry).await.context(
        "no words are shown, because the audit could not be written; is nats-server up, and was this log opened by `tempchat up` or \
         `serve` of this release, which makes the stream AUDIT?",
    )?;
    Ok(())
}

/// Where to begin or end: at a position in the stream, or at a time.
#[derive(Debug, Clone)]
pub(super) enum Bound {
    Position(u64),
    Time(OffsetDateTime),
}

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse() {
            return Ok(Self::Position(position));
        }
        OffsetDateTime::parse(text, &Rfc3339)
            .map(Self::Time)
            .map_err(|_| format!("{text} is neither a position nor a time like 2026-01-31T12:00:00Z"))
    }
}

/// Prints the entries between two bounds, both included.
pub(super) async fn run(
    backbone: &Backbone,
    agent: Option<AgentId>,
    from: Option<&Bound>,
    to: Option<&Bound>,
    as_json: bool,
) -> Result<()> {
    let mut after = match from {
        Some(Bound::Position(position)) => position.saturating_sub(1),
        Some(Bound::Time(_)) | None => 0,
    };
    let agent = agent.map(|agent| agent.to_string());
    loop {
        let entries = backbone.audit_after(after).await.context(
            "the audit cannot be read; is nats-server up, and was this log opened by `tempchat up` or `serve` of this release, which makes the \
             stream AUDIT?",
        )?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.sequence;
        for entry in entries {
            let is_of_agent = agent.as_deref().is_none_or(|agent| entry.entry.get("agent_id").is_some_and(|id| id == agent));
            if is_of_agent && from.is_none_or(|from| !is_before(&entry, from)) && to.is_none_or(|to| !is_after(&entry, to)) {
                print(&entry, as_json);
            }
        }
    }
}

fn at(entry: &AuditedEntry) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(entry.entry.get("at")?.as_str()?, &Rfc3339).ok()
}

fn is_before(entry: &AuditedEntry, bound: &Bound) -> bool {
    match bound {
        Bound::Position(position) => entry.sequence < *position,
        Bound::Time(time) => at(entry).is_some_and(|at| at < *time),
    }
}

fn is_after(entry: &AuditedEntry, bound: &Bound) -> bool {
    match bound {
        Bound::Position(position) => entry.sequence > *position,
        Bound::Time(time) => at(entry).is_some_and(|at| at > *time),
    }
}

fn print(entry: &AuditedEntry, as_json: bool) {
    let AuditedEntry { sequence, entry } = entry;
    if as_json {
        let mut shown = entry.clone();
        if let Some(members) = shown.as_object_mut() {
            members.insert("position".to_owned(), Value::from(*sequence));
        }
        crate::output::line(shown);
        return;
    }
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let mut line = format!("{sequence} {}", text("at").unwrap_or("-"));
    for name in ["kind", "code", "door", "who", "agent_id", "key_id", "link_id", "session_id", "network"] {
        if let Some(value) = text(name) {
            // Whoever can write to the stream shall not write to this terminal.
            let _infallible = write!(line, " {name}={}", value.escape_debug());
        }
    }
    crate::output::line(format_args!("{line} count={}", entry.get("count").and_then(Value::as_u64).unwrap_or(1)));
}
