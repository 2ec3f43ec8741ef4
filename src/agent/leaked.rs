//! `tempchat agent key leaked`: ends a key that others may have, and tells what was done with it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use command_service::Commands;
use domain::{AgentId, KeyId, LinkId, SessionId, Target, Timestamp, link, session};
use gateway::Moment;
use indicatif::ProgressBar;
use nats::{Actor, AnyEvent, Backbone, Fact};
use serde_json::json;

use crate::output::print;

/// Commits read at once.
const BATCH: usize = 500;
/// Links and sessions that are named one by one.
const NAMED: usize = 100;

/// What was done with a key.
#[derive(Default)]
struct Activity {
    /// How often each kind of event was caused.
    events: BTreeMap<&'static str, u64>,
    /// The links that were made with it, and are not taken back.
    links: BTreeSet<LinkId>,
    /// The sessions that were read, or spoken in.
    sessions: BTreeSet<SessionId>,
    /// The first and the last time.
    between: Option<(Timestamp, Timestamp)>,
}

/// Revokes the key first, and then reads the agent's part of the log.
pub(super) async fn run(
    (agent, key): (AgentId, KeyId),
    since: Option<Timestamp>,
    commands: &Commands,
    backbone: &Backbone,
    as_json: bool,
) -> Result<()> {
    commands.revoke_key(agent, key).await?;
    let activity = read(backbone, agent, key, since.unwrap_or(Timestamp(0))).await?;
    let (links, sessions) = (named(&activity.links), named(&activity.sessions));
    let value = json!({
        "agent_id": agent, "key_id": key, "revoked": true, "events": activity.events, "links": links, "links_total": activity.links.len(),
        "sessions": sessions, "sessions_total": activity.sessions.len(), "first_at": activity.between.map(|(first, _)| Moment(first)),
        "last_at": activity.between.map(|(_, last)| Moment(last)),
    });
    print(as_json, &value, &plain(key, &activity, &links, &sessions));
    Ok(())
}

fn plain(key: KeyId, activity: &Activity, links: &[String], sessions: &[String]) -> String {
    let head = format!("{key} is revoked. Every gateway refuses it within a second; what it had open ends.");
    let Some((first, last)) = activity.between else {
        return format!(
            "{head}\nIt did nothing that the log knows of. What it read without marking it as read leaves no trace there."
        );
    };
    let events = activity.events.iter().map(|(name, count)| format!("  {count} × {name}"));
    let lists = [
        ("links that it made and nobody took back", links, activity.links.len()),
        ("sessions that it read or spoke in", sessions, activity.sessions.len()),
    ];
    let lists = lists.into_iter().filter(|(_, ids, _)| !ids.is_empty()).flat_map(|(what, ids, total)| {
        let more = total.saturating_sub(ids.len());
        let more = (more > 0).then(|| format!("  and {more} more: `tempchat log show --agent` has all events of the agent"));
        std::iter::once(format!("{total} {what}:")).chain(ids.iter().map(|id| format!("  {id}"))).chain(more).collect::<Vec<_>>()
    });
    let told = std::iter::once(format!("From {} to {} it did:", Moment(first), Moment(last))).chain(events).chain(lists);
    format!("{head}\n{}", told.collect::<Vec<_>>().join("\n"))
}

fn named<T: ToString>(ids: &BTreeSet<T>) -> Vec<String> {
    ids.iter().take(NAMED).map(ToString::to_string).collect()
}

async fn read(backbone: &Backbone, agent: AgentId, key: KeyId, since: Timestamp) -> Result<Activity> {
    let shard = backbone.shard_of(agent);
    let end = backbone.end(shard).await?;
    let bar = ProgressBar::new(end);
    let mut feed = backbone.tail(shard, 0);
    let mut activity = Activity::default();
    let mut at = 0;
    while at < end {
        for message in feed.next(BATCH).await? {
            at = message.sequence();
            let Some(recorded) = message.commit() else { continue };
            if recorded.address.agent == agent {
                recorded.facts().for_each(|fact| activity.take_in(&fact, key, since));
            }
        }
        bar.set_position(at);
    }
    bar.finish_and_clear();
    Ok(activity)
}

impl Activity {
    fn take_in(&mut self, fact: &Fact, key: KeyId, since: Timestamp) {
        // Whoever took a link back, or let it run out: it is no longer to be taken back.
        if let (Target::Link(link), AnyEvent::Link(link::Event::Revoked { .. } | link::Event::Expired | link::Event::Erased)) =
            (fact.address.target, &fact.event)
        {
            self.links.remove(&link);
        }
        if fact.actor != Actor::Agent(key) || fact.at < since {
            return;
        }
        *self.events.entry(fact.event.wire_name()).or_default() += 1;
        self.between = Some((self.between.map_or(fact.at, |(first, _)| first), fact.at));
        match (fact.address.target, &fact.event) {
            (Target::Link(link), AnyEvent::Link(link::Event::Opened { .. })) => {
                self.links.insert(link);
            }
            (Target::Session(session), AnyEvent::Session(event)) if !matches!(event, session::Event::Erased) => {
                self.sessions.insert(session);
            }
            _ => {}
        }
    }
}
