//! Waits, streams, long polls and transcripts under way: all that they belong to has a bound.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use command_service::Principal;
use domain::{AgentId, KeyId, LinkId, SessionId};
use parking_lot::Mutex;
use problem::{Code, Problem};

/// How many waits, streams and long polls may be under way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitBounds {
    /// For one session, on all its devices and tabs.
    pub session: usize,
    /// For all sessions of one link.
    pub link: usize,
    /// Waits and event streams of one agent's key.
    pub key: usize,
    /// Streams of news about resources of one agent's key.
    pub news: usize,
    /// From one address.
    pub address: usize,
    /// At this gateway.
    pub gateway: usize,
    /// Transcripts of one session.
    pub session_transcripts: usize,
    /// Transcripts of all sessions of one link.
    pub link_transcripts: usize,
    /// Transcripts at this gateway: fewer than it has connections to the rows, which others need too.
    pub transcripts: usize,
}

impl Default for WaitBounds {
    fn default() -> Self {
        Self {
            // Tabs of one browser share a stream; those that cannot, and some that are dead and not yet known to be.
            session: 8,
            // So many sessions at once as a link may have, on some devices each.
            link: 400,
            key: 50,
            news: 50,
            // Whole offices and phone networks share one address.
            address: 4_096,
            gateway: 40_000,
            session_transcripts: 2,
            link_transcripts: 4,
            transcripts: 8,
        }
    }
}

/// What waits are counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted {
    Session(SessionId),
    Link(LinkId),
    Key(KeyId),
    News(KeyId),
    Address(IpAddr),
    Gateway,
    TranscriptOfSession(SessionId),
    TranscriptOfLink(LinkId),
    Transcript,
}

impl Counted {
    const fn bound(self, bounds: &WaitBounds) -> usize {
        match self {
            Self::Session(_) => bounds.session,
            Self::Link(_) => bounds.link,
            Self::Key(_) => bounds.key,
            Self::News(_) => bounds.news,
            Self::Address(_) => bounds.address,
            Self::Gateway => bounds.gateway,
            Self::TranscriptOfSession(_) => bounds.session_transcripts,
            Self::TranscriptOfLink(_) => bounds.link_transcripts,
            Self::Transcript => bounds.transcripts,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Session(_) => "waits and streams of this session",
            Self::Link(_) => "waits and streams of this link",
            Self::Key(_) | Self::News(_) => "waits and streams of this key",
            Self::Address(_) => "waits and streams of this address",
            Self::Gateway => "waits and streams of this gateway",
            Self::TranscriptOfSession(_) => "transcripts of this session",
            Self::TranscriptOfLink(_) => "transcripts of this link",
            Self::Transcript => "transcripts of this gateway",
        }
    }
}

/// Counts the waits of this process.
#[derive(Debug, Default)]
pub struct Waits {
    bounds: WaitBounds,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: HashMap<Counted, usize>,
    scopes: HashMap<EventScope, usize>,
}

/// The events that a wait may get: all of an agent's, or those of one link.
type EventScope = (AgentId, Option<LinkId>);

const fn event_scope(principal: &Principal) -> EventScope {
    (principal.agent, principal.grant.link)
}

/// One wait; dropping it ends it.
#[derive(Debug)]
pub struct WaitPermit {
    waits: Arc<Waits>,
    counted: Vec<Counted>,
    scope: Option<EventScope>,
}

impl Waits {
    /// Counts within some bounds.
    pub fn within(bounds: WaitBounds) -> Arc<Self> {
        Arc::new(Self { bounds, counts: Mutex::default() })
    }

    /// Begins an agent's wait or event stream: its pages may know that it listens.
    pub fn begin(self: &Arc<Self>, principal: &Principal, address: IpAddr) -> Result<WaitPermit, Problem> {
        self.take(vec![Counted::Key(principal.key), Counted::Address(address), Counted::Gateway], Some(event_scope(principal)))
    }

    /// Begins a stream of news about an agent's resources.
    pub fn begin_news(self: &Arc<Self>, principal: &Principal, address: IpAddr) -> Result<WaitPermit, Problem> {
        self.take(vec![Counted::News(principal.key), Counted::Address(address), Counted::Gateway], None)
    }

    /// Begins a chatter's stream or long poll.
    pub fn begin_for_chatter(self: &Arc<Self>, session: SessionId, link: LinkId, address: IpAddr) -> Result<WaitPermit, Problem> {
        let counted = vec![Counted::Session(session), Counted::Link(link), Counted::Address(address), Counted::Gateway];
        self.take(counted, None)
    }

    /// Begins to write a chatter's transcript.
    pub fn begin_transcript(self: &Arc<Self>, session: SessionId, link: LinkId) -> Result<WaitPermit, Problem> {
        self.take(vec![Counted::TranscriptOfSession(session), Counted::TranscriptOfLink(link), Counted::Transcript], None)
    }

    /// Tells whether any key waits here that may get the same events as this one.
    pub fn any(&self, principal: &Principal) -> bool {
        self.counts.lock().scopes.contains_key(&event_scope(principal))
    }

    /// Takes one for each that it counts for, or none.
    fn take(self: &Arc<Self>, counted: Vec<Counted>, scope: Option<EventScope>) -> Result<WaitPermit, Problem> {
        let mut counts = self.counts.lock();
        let is_full = |of: &&Counted| counts.taken.get(*of).is_some_and(|taken| *taken >= of.bound(&self.bounds));
        if let Some(full) = counted.iter().find(is_full) {
            let (bound, of) = (full.bound(&self.bounds), full.name());
            let told = format!("{bound} {of} are under way, which is all it may have at once.");
            return Err(Problem::with_detail(Code::TooManyStreams, told));
        }
        for of in &counted {
            *counts.taken.entry(*of).or_default() += 1;
        }
        if let Some(scope) = scope {
            *counts.scopes.entry(scope).or_default() += 1;
        }
        Ok(WaitPermit { waits: Arc::clone(self), counted, scope })
    }
}

impl Drop for WaitPermit {
    fn drop(&mut self) {
        let mut counts = self.waits.counts.lock();
        for of in &self.counted {
            one_less(&mut counts.taken, of);
        }
        if let Some(scope) = &self.scope {
            one_less(&mut counts.scopes, scope);
        }
    }
}

fn one_less<K: Hash + Eq>(counts: &mut HashMap<K, usize>, of: &K) {
    if let Some(count) = counts.get_mut(of) {
        *count -= 1;
        if *count == 0 {
            counts.remove(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::agent::Grant;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const LINK: LinkId = LinkId::new([7; 16]);

    fn principal(key: u8, link: Option<LinkId>) -> Principal {
        let (agent, key, grant) = (AgentId::new([1; 16]), KeyId::new([key; 16]), Grant { link, ..Grant::default() });
        Principal { agent, agent_name: String::new(), key, key_name: String::new(), grant, good_until: None }
    }

    fn session(number: usize) -> SessionId {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        SessionId::new([high, low, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    #[test]
    fn who_hears_one_link_waits_for_no_other() {
        let waits = Arc::<Waits>::default();
        let (whole, limited) = (principal(2, None), principal(3, Some(LinkId::new([4; 16]))));
        let _held = waits.begin(&limited, HERE).unwrap();
        assert_eq!((waits.any(&limited), waits.any(&whole)), (true, false));
    }

    #[test]
    fn a_key_has_so_many_waits_and_gets_each_place_back() {
        let (waits, key) = (Arc::<Waits>::default(), principal(2, None));
        let most = WaitBounds::default().key;
        let mut held: Vec<_> = (0..most).map(|_| waits.begin(&key, HERE).unwrap()).collect();
        assert_eq!(waits.begin(&key, HERE).unwrap_err().code, Code::TooManyStreams);
        waits.begin(&principal(3, None), HERE).unwrap();
        // News of resources are counted apart, and do not say that the agent listens.
        let news = waits.begin_news(&key, HERE).unwrap();
        held.pop();
        waits.begin(&key, HERE).unwrap();
        drop(held);
        assert!(!waits.any(&key));
        drop(news);
        assert_eq!(waits.counts.lock().taken, HashMap::new());
    }

    #[test]
    fn a_session_that_has_all_its_streams_takes_none_of_another_s() {
        let waits = Arc::<Waits>::default();
        let most = WaitBounds::default().session;
        let _held: Vec<_> = (0..most).map(|_| waits.begin_for_chatter(session(1), LINK, HERE).unwrap()).collect();
        let told = waits.begin_for_chatter(session(1), LINK, HERE).unwrap_err();
        assert!(told.detail.contains("8 waits and streams of this session"), "{}", told.detail);
        waits.begin_for_chatter(session(2), LINK, HERE).unwrap();
        // What was refused took no place.
        assert_eq!(waits.counts.lock().taken[&Counted::Link(LINK)], most);
    }

    #[test]
    fn fifty_people_behind_one_address_with_two_tabs_each_are_let_in() {
        let waits = Arc::<Waits>::default();
        let held: Result<Vec<_>, _> = (0..100).map(|n| waits.begin_for_chatter(session(n / 2), LINK, HERE)).collect();
        assert_eq!(held.unwrap().len(), 100);
    }
}
