//! Agents, links and sessions to measure with.

use anyhow::Result;
use command_service::{Commands, End, Join, NewLink};
use domain::{Address, AgentId, DeviceId, LinkId, Millis, Policy};
use futures_util::{StreamExt, TryStreamExt, stream};
use nats::{Actor, Backbone};

/// How many sessions start at once.
const AT_ONCE: usize = 64;

/// The one device of every session's chatter.
pub(crate) const DEVICE: DeviceId = DeviceId::new([1; 16]);

/// Limits wide enough that none is measured.
pub(crate) fn policy() -> Policy {
    Policy {
        messages_per_session: u32::MAX,
        messages_per_minute: u32::MAX,
        agent_messages: u32::MAX,
        agent_messages_per_minute: u32::MAX,
        sessions_at_once: 100_000,
        starts_per_minute: usize::MAX,
        session_bytes_a_day: u64::MAX,
        link_bytes_a_day: u64::MAX,
        agent_bytes_a_day: u64::MAX,
        ..Policy::default()
    }
}

/// Makes `agents` agents, spread evenly over the shards, with one link each, and `sessions` sessions shared out among them.
pub(crate) async fn make(backbone: &Backbone, commands: &Commands, agents: usize, sessions: usize) -> Result<Vec<Address>> {
    let shards: Vec<_> = backbone.shards().collect();
    let mut links = Vec::with_capacity(agents);
    for number in 0..agents {
        let wanted = shards.get(number % shards.len()).copied();
        // An agent's shard follows from its random id.
        let agent = loop {
            let (agent, _) = commands.register_agent("bench").await?;
            if Some(backbone.shard_of(agent)) == wanted {
                break agent;
            }
        };
        let (link, _) = commands.create_link(agent, Actor::Operator, new_link(sessions), None).await?;
        links.push((agent, link));
    }
    stream::iter(0..sessions)
        .map(|number| {
            let (agent, link) = links.get(number % links.len()).copied().expect("there is at least one link");
            async move { start(commands, agent, link, number).await }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await
}

/// Starts the session of a link's chatter of this number.
pub(crate) async fn start(commands: &Commands, agent: AgentId, link: LinkId, number: usize) -> Result<Address> {
    let join = Join {
        agent,
        link,
        rotation: 0,
        recipient: None,
        client_id: format!("bench-{number}"),
        display_name: None,
        passcode: None,
        language: None,
        start_new: false,
        holds: None,
        network: None,
    };
    Ok(Address::session(agent, commands.join(&join).await?.session()))
}

/// Describes a link for so many sessions at once.
pub(crate) fn new_link(sessions: usize) -> NewLink {
    NewLink {
        max_sessions_at_once: u32::try_from(sessions).unwrap_or(u32::MAX).max(1),
        max_messages_per_session: u32::MAX,
        messages_per_minute: u32::MAX,
        idle_timeout: Millis::minutes(600),
        keep_after_end: Millis::minutes(600),
        ..NewLink::usual("bench".to_owned(), End::In(Millis::minutes(600)), &Policy::default())
    }
}
