//! What has become of a task, read from the log's events after its position.

use domain::{Target, Timestamp};
use events::{NEWS, NEWS_OF_LINKS, is_news_to};
use nats::{Fact, TaskName};
use problem::{Code, Problem};
use query_service::{Answer, EventPage, Freshness, News, Scope};

use super::burst::{SETTLES, first_burst};
use crate::call::Call;
use crate::wait::{Greeted, Wakes};

/// What has become of a task.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Nothing has come, or what has may not be all.
    Working,
    /// It was called off.
    Cancelled(Timestamp),
    /// Nothing came in time.
    TimedOut,
    /// These came first.
    Received(Burst),
    /// It cannot be answered.
    Refused(Problem),
}

/// What a task is told: its events are the first of the page that are news to its key.
#[derive(Debug)]
pub(super) struct Burst {
    pub(super) page: EventPage,
    pub(super) is_cut: bool,
}

/// Looks what has become of a task.
pub(super) async fn outcome(call: &Call, name: &TaskName) -> Result<Outcome, Problem> {
    if let Some(at) = call.app().backbone().task_cancelled_at(name).await? {
        return Ok(Outcome::Cancelled(at));
    }
    let now = command_service::clock::now();
    // Most looks find nothing, and may do so in rows as they are.
    let first = read(call, name, Freshness::at_least(0)).await?;
    if matches!(judge(first.value, name, now), Outcome::Working) {
        return still_there(call, name).await;
    }
    // What is told once is told for good, so it needs all that was appended before.
    let whole = read(call, name, Freshness::default()).await?;
    if whole.stale {
        return Ok(Outcome::Working);
    }
    if matches!(name.scope.target, Target::Agent)
        && let Err(problem) = call.app().nothing_was_pruned_after(name.scope.agent, name.after).await
    {
        return if problem.code == Code::CursorReset { Ok(Outcome::Refused(problem)) } else { Err(problem) };
    }
    Ok(judge(whole.value, name, now))
}

async fn read(call: &Call, name: &TaskName, fresh: Freshness) -> Result<Answer<EventPage>, Problem> {
    let scope = match name.scope.target {
        Target::Agent => Scope::Agent,
        Target::Link(link) => Scope::Link(link),
        Target::Session(session) => Scope::Session(session),
    };
    let types: Vec<&str> = [NEWS, NEWS_OF_LINKS].concat();
    let news = News { key: name.key, types: &types, after: name.after };
    // A session begins with up to two words of the link's own, which are no news.
    let most = name.limit.saturating_mul(3).saturating_add(1);
    Ok(call.app().queries().news(call.viewer(), scope, news, most, fresh).await?)
}

/// Judges what is there by the times of the events; the clock only says whether more may belong to it. What wakes nobody comes along with
/// what does, or when the time is over.
fn judge(page: EventPage, name: &TaskName, now: Timestamp) -> Outcome {
    let (greeted, wakes) = (Greeted::among(&page.facts), if name.sent.is_some() { Wakes::Words } else { Wakes::News });
    let news = page.facts.iter().filter(|fact| is_news_to(name.key, fact));
    let news: Vec<_> = news.map(|fact| (fact.at, wakes.by(fact, &greeted))).collect();
    let limit = usize::from(name.limit);
    let in_time = news.iter().take_while(|(at, _)| *at < name.deadline).count();
    let woken = news.iter().take(limit).position(|(_, wakes)| *wakes);
    match woken {
        Some(first) if first < in_time => {
            let Some(burst) = first_burst(news.iter().skip(first).map(|(at, _)| *at), limit - first) else {
                return Outcome::Working;
            };
            if !page.has_more && burst.open_until.is_some_and(|until| now < until) {
                return Outcome::Working;
            }
            // Where all of the page belongs to it, the rest is beyond the page.
            let is_cut = burst.is_cut || (burst.open_until.is_some() && page.has_more);
            received(page, name, first + burst.length, is_cut)
        }
        None if in_time > limit => received(page, name, limit, true),
        None if now < name.deadline + SETTLES => Outcome::Working,
        Some(_) | None if in_time == 0 => Outcome::TimedOut,
        Some(_) | None => received(page, name, in_time, false),
    }
}

/// Takes the first so many events of a page that are news.
fn received(page: EventPage, name: &TaskName, mut length: usize, is_cut: bool) -> Outcome {
    let EventPage { mut facts, vaults, has_more } = page;
    facts.retain(|fact| {
        let is_told = length > 0 && is_news_to(name.key, fact);
        length -= usize::from(is_told);
        is_told
    });
    Outcome::Received(Burst { page: EventPage { facts, vaults, has_more }, is_cut })
}

/// Says that a task waits on, unless what it waits for was pruned.
async fn still_there(call: &Call, name: &TaskName) -> Result<Outcome, Problem> {
    let (queries, viewer, fresh) = (call.app().queries(), call.viewer(), Freshness::at_least(name.after.sequence));
    let (is_gone, problem) = match name.scope.target {
        Target::Agent => return Ok(Outcome::Working),
        Target::Link(link) => {
            let found = queries.link_scope(viewer, link, fresh).await?;
            (found.value.is_none() && !found.stale, Code::LinkErased)
        }
        Target::Session(session) => {
            let found = queries.session_scope(viewer, session, fresh).await?;
            (found.value.is_none() && !found.stale, Code::SessionErased)
        }
    };
    Ok(if is_gone { Outcome::Refused(problem.into()) } else { Outcome::Working })
}

/// Returns when an outcome came about, as its events tell.
pub(super) fn last_at(facts: &[Fact]) -> Option<Timestamp> {
    facts.iter().map(|fact| fact.at).max()
}
