//! What comes next: the open sessions, and what a model best does now.

use domain::{Millis, Timestamp};
use query_service::{LinkStatus, LinkView, OpenSession, Party, Scope, SessionStatus};
use serde::Serialize;

use super::call::Call;
use crate::moment::Moment;
use crate::problem::Problem;
use domain::{LinkId, SessionId};

/// How many open sessions are told.
const TOLD: u16 = 10;
/// How long after the last word, or after a link was made, someone is likely to write soon.
const LIVELY: Millis = Millis::minutes(5);
/// The soonest and the latest to look again, where it is quiet.
const SOONEST: Millis = Millis::minutes(2);
const LATEST: Millis = Millis::minutes(30);
/// How many links are looked at for one that still takes people.
const LINKS: u16 = 100;

/// What a model best does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Next {
    /// Someone waits for an answer.
    Reply,
    /// Someone may write any moment, or there is more already.
    WaitAgain,
    /// It is quiet; look again later.
    CheckBack,
    /// Nothing can come any more.
    StopAndReport,
}

/// The outlook, as a part of a result.
#[derive(Debug, Serialize)]
pub(super) struct Outlook {
    pub(super) suggested_next: Next,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_back_at: Option<Moment>,
    pub(super) open_sessions: Vec<OpenShown>,
    open_sessions_total: u64,
    /// Whether the rows were behind.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

/// An open session.
#[derive(Debug, Serialize)]
pub(super) struct OpenShown {
    session_id: SessionId,
    link_id: LinkId,
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
    open: bool,
    /// When something last happened by which to judge how lively it is.
    lively_at: Option<Timestamp>,
    /// When the first of what is open ends.
    ends_at: Option<Timestamp>,
}

impl Outlook {
    /// Looks at a scope, with rows that have taken in `sequence`.
    pub(super) async fn of(call: &Call, scope: Scope, sequence: u64, has_more: bool) -> Result<Self, Problem> {
        let (queries, viewer, fresh) = (call.app().queries(), call.viewer(), call.fresh(sequence));
        let answer = queries.open_sessions(viewer, scope, call.principal.key, TOLD, fresh).await?;
        let open = answer.value;
        let online = |session: &OpenSession| call.app().hub().chatter_online(call.session(session.session));
        let now = command_service::clock::now();
        let mut situation = Situation {
            now,
            owes: open.sessions.iter().any(|session| session.waiting_for == Party::Agent),
            online: open.sessions.iter().any(online),
            open: open.total > 0,
            lively_at: open.sessions.iter().filter_map(|session| lively_at(session, now)).max(),
            ends_at: open.sessions.iter().map(|session| session.expires_at).min(),
        };
        if open.total == 0 {
            situation.add_links(&open_links(call, scope, sequence).await?);
        }
        let (suggested_next, check_back_at) = if has_more { (Next::WaitAgain, None) } else { advise(&situation) };
        Ok(Self {
            suggested_next,
            check_back_at: check_back_at.map(Into::into),
            open_sessions: open.sessions.iter().map(|session| OpenShown::of(session, online(session))).collect(),
            open_sessions_total: open.total,
            stale: answer.stale,
        })
    }
}

impl OpenShown {
    fn of(session: &OpenSession, chatter_online: bool) -> Self {
        Self {
            session_id: session.session,
            link_id: session.link,
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

/// Finds the links of a scope through which someone may still come.
async fn open_links(call: &Call, scope: Scope, sequence: u64) -> Result<Vec<LinkView>, Problem> {
    let (queries, viewer, fresh) = (call.app().queries(), call.viewer(), call.fresh(sequence));
    let links = match scope {
        // Whoever starts again gets a session of its own.
        Scope::Session(_) => vec![],
        Scope::Link(link) => queries.link(viewer, link, fresh).await?.value.into_iter().collect(),
        Scope::Agent => {
            let mut links = queries.links(viewer, Some(LinkStatus::Active), None, LINKS, fresh).await?.value.items;
            links.extend(queries.links(viewer, Some(LinkStatus::Paused), None, LINKS, fresh).await?.value.items);
            links
        }
    };
    let takes_people = |link: &LinkView| {
        let is_used_up =
            link.max_sessions_total.is_some_and(|most| link.counts.admitted >= most && link.counts.places_taken == 0);
        matches!(link.status, LinkStatus::Active | LinkStatus::Paused) && !is_used_up
    };
    Ok(links.into_iter().filter(takes_people).collect())
}

impl Situation {
    fn add_links(&mut self, links: &[LinkView]) {
        self.open |= !links.is_empty();
        self.lively_at = self.lively_at.max(links.iter().map(|link| link.opened_at).max());
        self.ends_at = links.iter().map(|link| link.expires_at).max();
    }
}

/// Advises what to do next, and when, if it is later.
fn advise(situation: &Situation) -> (Next, Option<Timestamp>) {
    let Situation { now, owes, online, open, lively_at, ends_at } = *situation;
    let quiet_for = lively_at.map_or(LATEST, |at| now - at);
    if owes {
        (Next::Reply, None)
    } else if !open {
        (Next::StopAndReport, None)
    } else if online || quiet_for < LIVELY {
        (Next::WaitAgain, None)
    } else {
        // The longer it has been quiet, the less it hurts to come later.
        let at = now + Millis(quiet_for.0.clamp(SOONEST.0, LATEST.0));
        let at = ends_at.filter(|end| *end > now).map_or(at, |end| at.min(end));
        (Next::CheckBack, Some(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(100_000_000);

    fn situation() -> Situation {
        Situation { now: NOW, open: true, lively_at: Some(NOW), ends_at: Some(NOW + Millis::minutes(60)), ..Situation::default() }
    }

    #[test]
    fn whoever_waits_is_answered() {
        assert_eq!(advise(&Situation { owes: true, ..situation() }).0, Next::Reply);
    }

    #[test]
    fn nobody_gives_up_while_someone_may_come() {
        assert_eq!(advise(&Situation { open: false, ..situation() }), (Next::StopAndReport, None));
        assert_eq!(advise(&situation()).0, Next::WaitAgain);
    }

    #[test]
    fn a_quiet_chat_is_looked_at_again_later_but_before_it_ends() {
        let quiet = |minutes| Situation { lively_at: Some(NOW - Millis::minutes(minutes)), ..situation() };
        assert_eq!(advise(&quiet(4)).0, Next::WaitAgain);
        assert_eq!(advise(&quiet(10)), (Next::CheckBack, Some(NOW + Millis::minutes(10))));
        assert_eq!(advise(&quiet(600)), (Next::CheckBack, Some(NOW + Millis::minutes(30))));
        let ending = Situation { ends_at: Some(NOW + Millis::minutes(3)), ..quiet(600) };
        assert_eq!(advise(&ending), (Next::CheckBack, Some(NOW + Millis::minutes(3))));
        assert_eq!(advise(&Situation { online: true, ..quiet(600) }).0, Next::WaitAgain);
    }
}
