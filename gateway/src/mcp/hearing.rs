//! Hearing: first listen, then read what is there, then wait. So nothing falls between the two, and nothing is heard twice.

use std::time::Duration;

use domain::session::{Author, Event as SessionEvent};
use domain::{KeyId, LinkId, Target, Timestamp, link};
use nats::{Actor, AnyEvent, Fact, Position};
use query_service::{Filter, Scope};
use rmcp::model::ProgressNotificationParam;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::call::{Call, about_session, unknown_link};
use super::cursor;
use super::patience::hold;
use super::position::Reading;
use super::waits::Wait;
use crate::hub::{Delivery, Subscription, Topic};
use crate::problem::{Code, Problem};

/// The events that agents hear of, by their wire names: no read marks.
pub(super) const HEARD: &[&str] = &[
    "session.started",
    "session.message_posted",
    "session.question_asked",
    "session.question_answered",
    "session.went_idle",
    "session.resumed",
    "session.rescheduled",
    "session.rated",
    "session.ended",
    "session.erased",
];
/// How often a client that asked for it is told that the call goes on.
const TELLS: Duration = Duration::from_secs(7);
/// How often rows that are behind are asked again; each time waits 2 s.
const TRIES: usize = 2;

/// To what one listens.
#[derive(Debug, Clone)]
pub(super) struct Ear {
    pub(super) scope: Scope,
    pub(super) topic: Topic,
    /// The cursors that serve: its own first, then wider ones.
    pub(super) cursors: Vec<cursor::Scope>,
    /// Whether nothing can come any more, or so it seems.
    pub(super) is_over: bool,
    /// What the call itself named, so that no event need.
    pub(super) named: Named,
}

/// Which ids were arguments of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) link: bool,
    pub(super) session: bool,
}

impl Ear {
    /// Finds the scope of a call, and that it is the agent's.
    pub(super) async fn of(call: &Call, link: Option<&str>, session: Option<&str>) -> Result<Self, Problem> {
        let named = Named { link: link.is_some(), session: session.is_some() };
        let link = link.map(|link| call.link_id(link)).transpose()?;
        match (link, session) {
            (link, Some(session)) => {
                let ear = Self { named, ..Self::of_session(call, session).await? };
                match link {
                    Some(link) if !ear.cursors.contains(&cursor::Scope::Link(link)) => {
                        let told = format!("{session} is not a session of {link}.");
                        Err(Problem::with_detail(Code::InvalidRequest, told)
                            .next("Call temp_chat_wait_for_messages again with session_id only."))
                    }
                    Some(_) | None => Ok(ear),
                }
            }
            // A key that is limited to one link hears nothing else.
            (link, None) => match link.or(call.principal.grant.link) {
                Some(link) => Ok(Self { named, ..Self::of_link(call, link).await? }),
                None => Ok(Self {
                    scope: Scope::Agent,
                    topic: Topic::Agent(call.principal.agent),
                    cursors: vec![cursor::Scope::Agent],
                    is_over: false,
                    named,
                }),
            },
        }
    }

    async fn of_link(call: &Call, link: LinkId) -> Result<Self, Problem> {
        let state = call.app().commands().link(call.principal.agent, link).await?;
        let ends_at = state.settings.as_ref().ok_or_else(|| unknown_link(link))?.expires_at;
        let is_open = matches!(state.status, link::Status::Active | link::Status::Paused);
        Ok(Self {
            scope: Scope::Link(link),
            topic: Topic::Link(call.principal.agent, link),
            cursors: vec![cursor::Scope::Link(link), cursor::Scope::Agent],
            is_over: !is_open || ends_at <= command_service::clock::now(),
            named: Named { link: true, session: false },
        })
    }

    /// Finds a session of the agent's.
    pub(super) async fn of_session(call: &Call, session: &str) -> Result<Self, Problem> {
        let session = call.session_id(session).await?;
        let address = call.session(session);
        let state = call.app().commands().session(address).await.map_err(about_session(session))?;
        let link = state.link.ok_or_else(|| super::call::unknown_session(session))?;
        let is_timed_out = state.settings.as_ref().is_some_and(|settings| settings.expires_at <= command_service::clock::now());
        Ok(Self {
            scope: Scope::Session(session),
            topic: Topic::Session(address),
            cursors: vec![cursor::Scope::Session(session), cursor::Scope::Link(link), cursor::Scope::Agent],
            is_over: state.ended.is_some() || is_timed_out,
            named: Named { link: false, session: true },
        })
    }

    /// Opens a cursor of this scope or a wider one.
    pub(super) fn open(&self, call: &Call, after: Option<&str>) -> Result<Option<Position>, Problem> {
        let Some(after) = after else { return Ok(None) };
        let agent = call.principal.agent;
        let position = call.agents.cursors.open(agent, &self.cursors, after).map_err(|problem| match self.scope {
            Scope::Session(_) if problem.code == Code::CursorScope => {
                problem.next("Pass a next_cursor of this session, of its link, or of all, or leave after out.")
            }
            Scope::Link(_) if problem.code == Code::CursorScope => {
                problem.next("Pass a next_cursor of this link or of all, or leave after out.")
            }
            Scope::Agent | Scope::Link(_) | Scope::Session(_) => problem,
        })?;
        // The tag binds a cursor to the agent, and an agent to its shard.
        Ok(Some(position))
    }

    /// Seals a place of this scope.
    pub(super) fn seal(&self, call: &Call, position: Position) -> String {
        let own = self.cursors.first().copied().unwrap_or(cursor::Scope::Agent);
        call.agents.cursors.seal(call.principal.agent, own, position)
    }
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    /// From where on; none is from what is not acknowledged.
    pub(super) after: Option<Position>,
    /// How long to wait if there is nothing.
    pub(super) patience: Duration,
    /// How many events.
    pub(super) limit: u16,
    /// Up to where the caller has just acknowledged the session; what was given later, it may never have got.
    pub(super) acknowledged: Option<u64>,
}

/// An event on its way to an agent.
#[derive(Debug)]
pub(super) struct HeardFact {
    pub(super) fact: Fact,
    /// Whether it was given before and not acknowledged.
    pub(super) redelivered: bool,
}

/// What was heard.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) facts: Vec<HeardFact>,
    /// The place up to which everything of the scope is among it.
    pub(super) at: Position,
    pub(super) has_more: bool,
    pub(super) timed_out: bool,
}

/// Takes a place among the waits of the caller's key, where it wants to wait at all.
pub(super) fn place(call: &Call, patience: Duration) -> Result<Option<Wait>, Problem> {
    (!patience.is_zero()).then(|| call.agents.waits.begin(&call.principal)).transpose()
}

/// Hears what is new in a scope; who has a place waits where there is nothing.
pub(super) async fn hear(call: &Call, ear: &Ear, order: Order, place: Option<Wait>) -> Result<Heard, Problem> {
    let Some(place) = place else {
        return listen(call, ear, Order { patience: Duration::ZERO, ..order }).await;
    };
    call.is_active(true).await;
    let heard = listen(call, ear, order).await;
    drop(place);
    call.has_done().await;
    // Who was let in before the wait hears nothing that came after its key was taken back.
    call.is_still_allowed().await?;
    heard
}

async fn listen(call: &Call, ear: &Ear, order: Order) -> Result<Heard, Problem> {
    let mut subscription = call.app().hub().subscribe(ear.topic, order.after).await?;
    let mut hearing =
        Hearing { key: call.principal.key, facts: Vec::new(), limit: usize::from(order.limit), more: None, is_cut_off: false };
    match order.after {
        None => hearing.recall(call, ear, order, subscription.at().sequence).await?,
        Some(_) => {
            while hearing.wants_more()
                && let Some(delivery) = subscription.next_missed().await
            {
                hearing.take(delivery)?;
            }
        }
    }
    while hearing.wants_more()
        && let Some(delivery) = subscription.try_next()
    {
        hearing.take(delivery)?;
    }
    let timed_out = if order.patience.is_zero() || !hearing.wants_more() {
        false
    } else {
        hearing.wait(call, &mut subscription, order.patience).await?
    };
    Ok(hearing.done(subscription.at(), timed_out))
}

/// Hearing, under way.
struct Hearing {
    key: KeyId,
    facts: Vec<HeardFact>,
    limit: usize,
    /// The place after which there is more, where that is known before the limit tells.
    more: Option<Position>,
    /// Whether nothing more comes through this subscription.
    is_cut_off: bool,
}

impl Hearing {
    /// Tells whether there is room for one event more, and one beyond the limit that tells of more.
    fn wants_more(&self) -> bool {
        self.facts.len() <= self.limit && self.more.is_none() && !self.is_cut_off
    }

    /// Reads what the key has not acknowledged, up to the place from which the subscription tells the rest.
    async fn recall(&mut self, call: &Call, ear: &Ear, order: Order, horizon: u64) -> Result<(), Problem> {
        let (agent, key) = (call.principal.agent, call.principal.key);
        let positions = &call.agents.positions;
        if order.acknowledged.is_none() {
            positions.settled(agent, key, ear.scope).await;
        }
        let filter = Filter { types: Some(HEARD), not_by: Some(key) };
        for _ in 0..TRIES {
            let answer = call
                .app()
                .queries()
                .unacknowledged(call.viewer(), ear.scope, key, filter, order.limit, call.fresh(horizon))
                .await?;
            if answer.stale {
                continue;
            }
            let page = answer.value;
            // Rows may be ahead of the hub: what is past the horizon comes through the subscription, and only there.
            let is_told_here = |position: &Position| position.sequence <= horizon;
            self.more = page.facts.last().map(|last| last.position).filter(|last| page.has_more && is_told_here(last));
            for fact in page.facts.into_iter().filter(|fact| is_told_here(&fact.position)) {
                let given = match fact.address.target {
                    Target::Session(session) => positions.given(Reading { agent, key, session }),
                    Target::Agent | Target::Link(_) => None,
                };
                let redelivered = given.is_some_and(|given| fact.position.sequence <= given);
                let is_acknowledged = order.acknowledged.is_some_and(|upto| fact.position.sequence <= upto);
                if is_heard(&fact, key) && !is_acknowledged {
                    self.facts.push(HeardFact { fact, redelivered });
                }
            }
            return Ok(());
        }
        // An answer from rows that are behind would have a gap before what the subscription tells.
        Err(Problem::with_detail(Code::Unavailable, "The rows are behind the log for the moment."))
    }

    /// Takes what the hub tells.
    fn take(&mut self, delivery: Delivery) -> Result<(), Problem> {
        match delivery {
            Delivery::Entry(entry, after) => {
                let key = self.key;
                let facts = entry.facts(Some(after)).filter(|fact| is_heard(fact, key));
                self.facts.extend(facts.map(|fact| HeardFact { fact, redelivered: false }));
                Ok(())
            }
            Delivery::Signal(..) => Ok(()),
            Delivery::Reset => Err(Code::CursorReset.into()),
            Delivery::Closed => {
                self.is_cut_off = true;
                Ok(())
            }
        }
    }

    /// Waits for the first event, and then for the end of its burst; tells whether the time passed with nothing.
    async fn wait(&mut self, call: &Call, subscription: &mut Subscription, patience: Duration) -> Result<bool, Problem> {
        let began = Instant::now();
        let deadline = began + patience;
        let token = call.request.meta.get_progress_token();
        let mut tick = interval(TELLS);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut held_since = None;
        while self.wants_more() {
            let now = command_service::clock::now();
            let until = match self.last_at() {
                None => deadline,
                Some(last) => match hold(now, last, *held_since.get_or_insert(now), self.someone_types(call)) {
                    Some(length) => Instant::now() + Duration::from_millis(length.0.unsigned_abs()),
                    None => return Ok(false),
                },
            };
            tokio::select! {
                delivery = subscription.next() => self.take(delivery)?,
                () = sleep_until(until) => if self.facts.is_empty() && Instant::now() >= deadline { return Ok(true) },
                _ = tick.tick(), if token.is_some() => {
                    if let Some(token) = &token {
                        let progress = ProgressNotificationParam::new(token.clone(), began.elapsed().as_secs_f64())
                            .with_total(patience.as_secs_f64())
                            .with_message("waiting for words");
                        // A client that is gone needs no word of it.
                        let _told = call.request.peer.notify_progress(progress).await;
                    }
                }
                () = call.app().closing().cancelled() => return Ok(false),
                () = call.abandoned() => return Ok(false),
            }
        }
        Ok(false)
    }

    fn last_at(&self) -> Option<Timestamp> {
        self.facts.last().map(|heard| heard.fact.at)
    }

    /// Tells whether a chatter of whom something was heard goes on typing.
    fn someone_types(&self, call: &Call) -> bool {
        self.facts
            .iter()
            .filter(|heard| is_said_by_chatter(&heard.fact))
            .any(|heard| call.app().hub().chatter_types(heard.fact.address))
    }

    fn done(mut self, at: Position, timed_out: bool) -> Heard {
        let is_over_limit = self.facts.len() > self.limit;
        self.facts.truncate(self.limit);
        let last = self.facts.last().map(|heard| heard.fact.position);
        let at = match (self.more, last) {
            (Some(more), _) => more,
            (None, Some(last)) if is_over_limit => last,
            (None, _) => at,
        };
        Heard { has_more: is_over_limit || self.more.is_some(), facts: self.facts, at, timed_out }
    }
}

/// Tells whether an agent's key hears of this: of what others did, as far as it is news.
pub(crate) fn is_heard(fact: &Fact, key: KeyId) -> bool {
    fact.actor != Actor::Agent(key) && is_news(&fact.event)
}

/// Tells whether an agent hears of this at all: not of read marks, nor of its own settings' words.
pub(super) fn is_news(event: &AnyEvent) -> bool {
    match event {
        AnyEvent::Session(
            SessionEvent::MessagePosted { from: Author::System, .. } | SessionEvent::QuestionAsked { from: Author::System, .. },
        ) => false,
        AnyEvent::Session(event) => event.changes_the_chat(),
        AnyEvent::Link(event) => {
            matches!(event, link::Event::Expiring { .. } | link::Event::Expired | link::Event::Revoked { .. })
        }
        AnyEvent::Agent(_) => false,
    }
}

/// Tells whether a chatter said this.
pub(super) fn is_said_by_chatter(fact: &Fact) -> bool {
    matches!(
        fact.event,
        AnyEvent::Session(SessionEvent::MessagePosted { from: Author::Chatter, .. } | SessionEvent::QuestionAnswered { .. })
    )
}
