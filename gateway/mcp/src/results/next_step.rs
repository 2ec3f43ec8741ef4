//! What comes next: the open sessions, and what a model best does now.

use agent_events::Recipients;
use domain::{LinkId, Millis, SessionId, Timestamp};
use events::Moment;
use problem::Problem;
use query_service::{JoinableLink, OpenSession, Party, Scope, SessionStatus};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::call::Call;

/// How many open sessions are told.
const TOLD: u16 = 10;
/// How long after the last word, or after a link was made, someone is likely to write soon.
const LIVELY: Millis = Millis::minutes(5);
/// The soonest and the latest to look again, where it is quiet.
const SOONEST: Millis = Millis::minutes(2);
const LATEST: Millis = Millis::minutes(30);
/// How many links are looked at for one that still takes people.
const LINKS: u16 = 200;

/// What a model best does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Advice {
    /// Someone waits for an answer.
    Reply,
    /// Someone may write any moment, or there is more already.
    WaitAgain,
    /// It is quiet; look again later.
    CheckBack,
    /// Nothing can come any more.
    StopAndReport,
}

/// What comes next, as a part of a result.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct NextStep {
    pub(crate) suggested_next: Advice,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_back_at: Option<Moment>,
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub(crate) open_sessions: Vec<OpenSessionDetails>,
    open_sessions_total: u64,
    /// Whether the rows were behind.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

/// An open session.
#[derive(Debug, Serialize)]
pub(crate) struct OpenSessionDetails {
    session_id: SessionId,
    link_id: LinkId,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    status: SessionStatus,
    waiting_for: Party,
    unread: u32,
    chatter_online: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_chatter_at: Option<Moment>,
    messages_left: u32,
    expires_at: Moment,
    open_fields: u32,
}

/// All that the advice rests on.
#[derive(Debug, Clone, Copy, Default)]
struct Situation {
    now: Timestamp,
    /// Whether a chatter waits for the agent.
    owes: bool,
    /// Whether a chatter is connected.
    online: bool,
    /// Whether a session is open, or a link takes people.
    open: Open,
    /// When something last happened by which to judge how lively it is.
    lively_at: Option<Timestamp>,
    /// When the first of what is open ends.
    ends_at: Option<Timestamp>,
}

/// Whether something is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Open {
    Yes,
    #[default]
    No,
    /// None was seen, but the rows were behind, or the links too many to look at.
    Unknown,
}

impl NextStep {
    /// Looks at a scope, with rows that have taken in `sequence`.
    pub(crate) async fn of(call: &Call, scope: Scope, sequence: u64, has_more: bool) -> Result<Self, Problem> {
        let (queries, viewer, fresh) = (call.app().queries(), call.viewer(), call.fresh(sequence));
        let answer = queries.open_sessions(viewer, scope, call.principal.key, TOLD, fresh).await?;
        let open = answer.value;
        let online = |session: &OpenSession| call.app().hub().chatter_online(call.session(session.session));
        let now = command_service::clock::now();
        let mut situation = Situation {
            now,
            owes: open.sessions.iter().any(|session| session.waiting_for == Party::Agent),
            online: open.sessions.iter().any(online),
            open: if open.total > 0 {
                Open::Yes
            } else if answer.stale {
                Open::Unknown
            } else {
                Open::No
            },
            lively_at: open.sessions.iter().filter_map(|session| lively_at(session, now)).max(),
            ends_at: open.sessions.iter().map(|session| session.expires_at).min(),
        };
        if open.total == 0 {
            situation.add_links(&open_links(call, scope, sequence).await?);
        }
        let mut recipients = Recipients::new(call.app(), &call.principal);
        let named = open.sessions.iter().filter(|session| session.recipient.is_some()).map(|session| session.link);
        recipients.read(named, fresh).await?;
        let mut shown = Vec::with_capacity(open.sessions.len());
        for session in &open.sessions {
            let recipient = recipients.label(session.link, session.recipient).await?;
            shown.push(OpenSessionDetails { recipient, ..OpenSessionDetails::of(session, online(session)) });
        }
        let (suggested_next, check_back_at) = if has_more { (Advice::WaitAgain, None) } else { advise(&situation) };
        Ok(Self {
            suggested_next,
            check_back_at: check_back_at.map(Into::into),
            open_sessions: shown,
            open_sessions_total: open.total,
            stale: answer.stale,
        })
    }
}

impl NextStep {
    /// Advises to answer what was not read.
    pub(crate) fn act_on_unread(&mut self) {
        self.suggested_next = Advice::Reply;
        self.check_back_at = None;
    }

    /// Advises to go on where a question's time was up.
    pub(crate) fn act_on_silence(&mut self) {
        match self.suggested_next {
            Advice::WaitAgain | Advice::CheckBack if !self.open_sessions.is_empty() => {
                self.suggested_next = Advice::Reply;
                self.check_back_at = None;
            }
            Advice::Reply | Advice::WaitAgain | Advice::CheckBack | Advice::StopAndReport => {}
        }
    }
}

impl OpenSessionDetails {
    fn of(session: &OpenSession, chatter_online: bool) -> Self {
        Self {
            session_id: session.session,
            link_id: session.link,
            recipient: None,
            status: session.status,
            waiting_for: session.waiting_for,
            unread: session.unread,
            chatter_online,
            last_chatter_at: session.last_chatter_at.map(Into::into),
            messages_left: session.messages_left,
            expires_at: session.expires_at.into(),
            open_fields: session.open_fields,
        }
    }
}

/// Tells when the chatter of a session last gave a sign; who has come and said nothing yet is about to.
fn lively_at(session: &OpenSession, now: Timestamp) -> Option<Timestamp> {
    session.last_chatter_at.or((session.status == SessionStatus::Active).then_some(now))
}

/// Links through which someone may still come.
#[derive(Debug, Default)]
struct Links {
    found: Vec<JoinableLink>,
    /// Whether there may be others.
    unsure: bool,
}

/// Finds the links of a scope through which someone may still come.
async fn open_links(call: &Call, scope: Scope, sequence: u64) -> Result<Links, Problem> {
    let (queries, viewer, fresh) = (call.app().queries(), call.viewer(), call.fresh(sequence));
    let link = match scope {
        // A chatter who starts again gets another session.
        Scope::Session(_) => return Ok(Links::default()),
        Scope::Link(link) => Some(link),
        Scope::Agent => None,
    };
    let answer = queries.joinable_links(viewer, link, LINKS, fresh).await?;
    Ok(Links { found: answer.value.items, unsure: answer.stale || answer.value.has_more })
}

impl Situation {
    fn add_links(&mut self, links: &Links) {
        self.open = match self.open {
            _ if !links.found.is_empty() => Open::Yes,
            Open::No if links.unsure => Open::Unknown,
            open => open,
        };
        self.lively_at = self.lively_at.max(links.found.iter().map(|link| link.opened_at).max());
        self.ends_at = links.found.iter().map(|link| link.expires_at).max();
    }
}

/// Advises what to do next, and when, if it is later.
fn advise(situation: &Situation) -> (Advice, Option<Timestamp>) {
    let Situation { now, owes, online, open, lively_at, ends_at } = *situation;
    let quiet_for = lively_at.map_or(LATEST, |at| now - at);
    if owes {
        (Advice::Reply, None)
    } else if open == Open::No {
        (Advice::StopAndReport, None)
    } else if open == Open::Unknown || online || quiet_for < LIVELY {
        // Stopping is final, so it is never advised on a guess.
        (Advice::WaitAgain, None)
    } else {
        // The longer it has been quiet, the less it hurts to come later.
        let at = now + Millis(quiet_for.0.clamp(SOONEST.0, LATEST.0));
        let at = ends_at.filter(|end| *end > now).map_or(at, |end| at.min(end));
        (Advice::CheckBack, Some(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(100_000_000);

    fn situation() -> Situation {
        Situation {
            now: NOW,
            open: Open::Yes,
            lively_at: Some(NOW),
            ends_at: Some(NOW + Millis::minutes(60)),
            ..Situation::default()
        }
    }

    #[test]
    fn whoever_waits_is_answered() {
        assert_eq!(advise(&Situation { owes: true, ..situation() }).0, Advice::Reply);
    }

    #[test]
    fn nobody_gives_up_while_someone_may_come() {
        assert_eq!(advise(&Situation { open: Open::No, ..situation() }), (Advice::StopAndReport, None));
        assert_eq!(advise(&situation()).0, Advice::WaitAgain);
    }

    #[test]
    fn to_stop_is_advised_where_nothing_can_come_and_nowhere_else() {
        let times = [None, Some(NOW - Millis::minutes(9_999)), Some(NOW), Some(NOW + Millis::minutes(5))];
        for bits in 0..12 {
            let (owes, online) = (bits % 2 == 1, bits / 2 % 2 == 1);
            let open = [Open::Yes, Open::No, Open::Unknown][bits / 4];
            for (lively_at, ends_at) in times.iter().flat_map(|lively| times.map(|ends| (*lively, ends))) {
                let situation = Situation { now: NOW, owes, online, open, lively_at, ends_at };
                let (next, at) = advise(&situation);
                assert_eq!(next == Advice::StopAndReport, open == Open::No && !owes, "{situation:?}");
                assert_eq!(at.is_some(), next == Advice::CheckBack, "{situation:?}");
                assert!(at.is_none_or(|at| at > NOW), "{situation:?}");
            }
        }
    }

    #[test]
    fn a_quiet_chat_is_looked_at_again_later_but_before_it_ends() {
        let quiet = |minutes| Situation { lively_at: Some(NOW - Millis::minutes(minutes)), ..situation() };
        assert_eq!(advise(&quiet(4)).0, Advice::WaitAgain);
        assert_eq!(advise(&quiet(10)), (Advice::CheckBack, Some(NOW + Millis::minutes(10))));
        assert_eq!(advise(&quiet(600)), (Advice::CheckBack, Some(NOW + Millis::minutes(30))));
        let ending = Situation { ends_at: Some(NOW + Millis::minutes(3)), ..quiet(600) };
        assert_eq!(advise(&ending), (Advice::CheckBack, Some(NOW + Millis::minutes(3))));
        assert_eq!(advise(&Situation { online: true, ..quiet(600) }).0, Advice::WaitAgain);
    }
}
