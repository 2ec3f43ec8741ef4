//! What gateways tell each other about who is there, in messages of bounded length.

use domain::{AgentId, LinkId, SessionId};
use serde::{Deserialize, Serialize};

/// How many sessions, and how many agents, are named in one message: some 80 kB each.
const NAMED: usize = 1_000;

/// A gateway's process; it draws another id at every start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GatewayId(pub(super) u64);

/// A message from one gateway to all.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Announcement {
    pub(super) gateway: GatewayId,
    pub(super) news: News,
}

/// A session, with the agent in whose shard it is.
pub(super) type Viewed = (AgentId, SessionId);

/// What a gateway tells.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum News {
    /// It has just started, and asks who is there.
    Asks,
    /// It is there, and so is whom it names; what it does not name is as it was.
    Tells {
        /// Sessions that a chatter looks at through it.
        viewed: Vec<Viewed>,
        /// Sessions without a viewer at this gateway any more.
        left: Vec<Viewed>,
        /// Agents that were active through it lately.
        agents: Vec<Active>,
    },
    /// It stops.
    Leaves,
}

/// An agent that was active lately.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Active {
    pub(super) agent: AgentId,
    /// The only link that its key may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) link: Option<LinkId>,
    /// Whether it then waited for words.
    pub(super) listening: bool,
    /// How long ago that was.
    pub(super) ago_ms: u64,
}

impl News {
    /// Splits what is to be told into messages; there is one where there is nothing to tell, as a sign of life.
    pub(super) fn all(viewed: &[Viewed], left: &[Viewed], agents: &[Active]) -> Vec<Self> {
        let (mut viewed, mut left, mut agents) = (viewed.chunks(NAMED), left.chunks(NAMED), agents.chunks(NAMED));
        let mut all = Vec::new();
        loop {
            let (next, gone, active) = (viewed.next(), left.next(), agents.next());
            if next.is_none() && gone.is_none() && active.is_none() && !all.is_empty() {
                return all;
            }
            let (viewed, left) = (next.unwrap_or_default().to_vec(), gone.unwrap_or_default().to_vec());
            all.push(Self::Tells { viewed, left, agents: active.unwrap_or_default().to_vec() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Viewed = (AgentId::new([1; 16]), SessionId::new([3; 16]));

    #[test]
    fn a_message_names_only_so_many() {
        let active = Active { agent: SESSION.0, link: Some(LinkId::new([2; 16])), listening: true, ago_ms: 60_000 };
        let all = News::all(&vec![SESSION; 2_500], &vec![SESSION; 1_000], &vec![active; 1_000]);
        let sizes: Vec<_> = all
            .iter()
            .map(|news| match news {
                News::Tells { viewed, left, agents } => (viewed.len(), left.len(), agents.len()),
                News::Asks | News::Leaves => panic!("{news:?}"),
            })
            .collect();
        assert_eq!(sizes, [(1_000, 1_000, 1_000), (1_000, 0, 0), (500, 0, 0)]);
        for news in all {
            // nats-server takes 1 MB.
            let bytes = serde_json::to_vec(&Announcement { gateway: GatewayId(u64::MAX), news }).unwrap();
            assert!(bytes.len() < 500_000, "{}", bytes.len());
        }
    }

    #[test]
    fn whoever_has_nothing_to_tell_gives_a_sign_of_life() {
        assert_eq!(News::all(&[], &[], &[]), [News::Tells { viewed: vec![], left: vec![], agents: vec![] }]);
    }
}
