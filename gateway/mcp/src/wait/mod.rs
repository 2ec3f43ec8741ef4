//! Waiting for events: subscribe first, then read what is there already, then wait. So no event is missed, and none comes twice.

mod burst;
pub(crate) mod scope;
mod waking;

use std::pin::pin;
use std::time::Duration;

use app::WaitPermit;
use auth::KeyWatch;
use domain::session::{Author, Event as SessionEvent, EventPosition, Verdict};
use domain::{KeyId, Target, Timestamp};
use events::{NEWS, is_news_to};
use hub::{Delivery, Subscription};
use nats::{AnyEvent, Fact, Position};
use problem::{Code, Problem};
use query_service::Vaults;
use rmcp::model::ProgressNotificationParam;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout_at};

use crate::call::Call;
use burst::hold;
use scope::WaitScope;
pub(crate) use waking::{Greeted, Wakes};

/// How often a client that asked for it is told that the call goes on.
const TELLS: Duration = Duration::from_secs(7);
/// How often rows that are behind are asked again; each time waits 2 s.
const TRIES: usize = 2;
/// How long a call that was held waits for the words that it was held for, which the log has already.
const CATCHES_UP: Duration = Duration::from_secs(2);

/// What a call asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WaitRequest {
    /// From where on; none is from what is not acknowledged.
    pub(crate) after: Option<Position>,
    /// How long to wait if there is nothing.
    pub(crate) patience: Duration,
    /// How many events.
    pub(crate) limit: u16,
    /// Up to where the caller has just acknowledged the session; what was given later, it may never have got.
    pub(crate) acknowledged: Option<EventPosition>,
    /// What it waits for.
    pub(crate) wakes: Wakes,
    /// An event of the session that is in the log already, and is to be among what the call gets.
    pub(crate) upto: Option<EventPosition>,
}

/// An event on its way to an agent.
#[derive(Debug)]
pub(crate) struct ReceivedFact {
    pub(crate) fact: Fact,
    /// Whether it was given before and not acknowledged.
    pub(crate) redelivered: bool,
    /// Whether it ends the wait.
    pub(crate) wakes: bool,
}

/// The events that a call gets.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) facts: Vec<ReceivedFact>,
    /// What opens those that came from rows; none for a session of which the hub has told since.
    pub(crate) vaults: Vaults,
    /// The position up to which every event of the scope is among them.
    pub(crate) at: Position,
    pub(crate) has_more: bool,
    pub(crate) timed_out: bool,
}

/// Takes one of the waits that the caller's key may have at once, where it wants to wait at all.
pub(crate) fn permit(call: &Call, patience: Duration) -> Result<Option<WaitPermit>, Problem> {
    (!patience.is_zero()).then(|| call.agents.waits.begin(&call.principal, call.client().0)).transpose()
}

/// Receives what is new in a scope; with a permit it waits where there is nothing.
pub(crate) async fn receive(
    call: &Call,
    scope: &WaitScope,
    request: WaitRequest,
    permit: Option<WaitPermit>,
) -> Result<Received, Problem> {
    let Some(permit) = permit else {
        return collect(call, scope, WaitRequest { patience: Duration::ZERO, ..request }).await;
    };
    call.is_active(true).await;
    let received = collect(call, scope, request).await;
    drop(permit);
    call.has_done().await;
    // The key may have been revoked during the wait: then nothing that came after is given.
    call.is_still_allowed().await?;
    received
}

async fn collect(call: &Call, scope: &WaitScope, request: WaitRequest) -> Result<Received, Problem> {
    let mut subscription = call.app().hub().subscribe(scope.topic, request.after).await?;
    let mut collector = Collector {
        key: call.principal.key,
        facts: Vec::new(),
        vaults: Vaults::default(),
        limit: usize::from(request.limit),
        wakes: request.wakes,
        more: None,
        is_cut_off: false,
        watch: call.key_watch()?,
    };
    match request.after {
        None => collector.recall(call, scope, request, subscription.at().sequence).await?,
        Some(_) => {
            while collector.wants_more()
                && let Some(delivery) = subscription.next_missed().await
            {
                collector.take(delivery)?;
            }
        }
    }
    while collector.wants_more()
        && let Some(delivery) = subscription.try_next()
    {
        collector.take(delivery)?;
    }
    if let Some(upto) = request.upto {
        collector.catch_up(&mut subscription, upto).await?;
    }
    let timed_out = if request.patience.is_zero() || !collector.wants_more() {
        false
    } else {
        collector.wait(call, &mut subscription, request.patience).await?
    };
    Ok(collector.done(subscription.at(), timed_out))
}

/// Collects events until the limit is reached or the wait is over.
struct Collector {
    key: KeyId,
    facts: Vec<ReceivedFact>,
    vaults: Vaults,
    limit: usize,
    wakes: Wakes,
    /// The position after which there is more, where that is known before the limit tells.
    more: Option<Position>,
    /// Whether nothing more comes through this subscription.
    is_cut_off: bool,
    /// The caller's key, to which a wait is held.
    watch: KeyWatch,
}

impl Collector {
    /// Tells whether there is room for one event more, and one beyond the limit that tells of more.
    fn wants_more(&self) -> bool {
        self.facts.len() <= self.limit && self.more.is_none() && !self.is_cut_off
    }

    /// Reads what the key has not acknowledged, up to the position from which the subscription has the rest.
    async fn recall(&mut self, call: &Call, scope: &WaitScope, request: WaitRequest, horizon: u64) -> Result<(), Problem> {
        let (agent, key) = (call.principal.agent, call.principal.key);
        let positions = &call.agents.positions;
        if request.acknowledged.is_none() {
            positions.settled(agent, key, scope.rows).await;
        }
        for _ in 0..TRIES {
            let answer = call
                .app()
                .queries()
                .unacknowledged(call.viewer(), scope.rows, key, NEWS, request.limit, call.fresh(horizon))
                .await?;
            if answer.stale {
                continue;
            }
            let page = answer.value;
            self.vaults = page.vaults;
            // Rows may be ahead of the hub: what is past the horizon comes through the subscription, and only there.
            let is_told_here = |position: &Position| position.sequence <= horizon;
            self.more = page.facts.last().map(|last| last.position).filter(|last| page.has_more && is_told_here(last));
            let greeted = Greeted::among(&page.facts);
            for fact in page.facts.into_iter().filter(|fact| is_told_here(&fact.position)) {
                let given = match fact.address.target {
                    Target::Session(session) => call.agents.given.upto(call.reading(session)),
                    Target::Agent | Target::Link(_) => None,
                };
                let at = EventPosition::from(fact.position);
                let redelivered = given.is_some_and(|given| at <= given);
                let is_acknowledged = request.acknowledged.is_some_and(|upto| at <= upto);
                if is_news_to(key, &fact) && !is_acknowledged {
                    let wakes = self.wakes.by(&fact, &greeted);
                    self.facts.push(ReceivedFact { fact, redelivered, wakes });
                }
            }
            return Ok(());
        }
        // An answer from rows that are behind would have a gap before what the subscription tells.
        Err(Problem::with_detail(Code::Unavailable, "The rows are behind the log for the moment."))
    }

    /// Takes a delivery of the hub.
    fn take(&mut self, delivery: Delivery) -> Result<(), Problem> {
        match delivery {
            Delivery::Entry(entry, after) => {
                let key = self.key;
                // It may have ended the session, or erased its words.
                self.vaults.forget(entry.address());
                let facts: Vec<_> = entry.facts(Some(after)).collect();
                let greeted = Greeted::among(&facts);
                let news = facts.into_iter().filter(|fact| is_news_to(key, fact));
                self.facts.extend(news.map(|fact| {
                    let wakes = self.wakes.by(&fact, &greeted);
                    ReceivedFact { fact, redelivered: false, wakes }
                }));
                Ok(())
            }
            Delivery::Signal(..) => Ok(()),
            Delivery::AgentChanged => {
                self.watch.agent_changed();
                Ok(())
            }
            Delivery::Reset => Err(Code::CursorReset.into()),
            Delivery::Closed => {
                self.is_cut_off = true;
                Ok(())
            }
        }
    }

    /// Takes what the log has up to an event of the session; where that does not come in time, the call goes on without it.
    async fn catch_up(&mut self, subscription: &mut Subscription, upto: EventPosition) -> Result<(), Problem> {
        let deadline = Instant::now() + CATCHES_UP;
        while self.wants_more() && EventPosition::from(subscription.at()) < upto {
            let Ok(delivery) = timeout_at(deadline, subscription.next()).await else { break };
            self.take(delivery)?;
        }
        Ok(())
    }

    /// Waits for the first event that wakes, and then for the end of its burst; tells whether the time passed with nothing.
    async fn wait(&mut self, call: &Call, subscription: &mut Subscription, patience: Duration) -> Result<bool, Problem> {
        let began = Instant::now();
        let deadline = began + patience;
        let token = call.request.meta.get_progress_token();
        let mut tick = interval(TELLS);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let typing = call.app().hub().typing_ended(call.principal.agent);
        let mut held_since = None;
        while self.wants_more() {
            // Before it is looked who types, so that nobody stops unseen.
            let mut stopped = pin!(typing.notified());
            stopped.as_mut().enable();
            let now = command_service::clock::now();
            let until = match self.woken_at() {
                None => deadline,
                Some(last) => match hold(now, last, *held_since.get_or_insert(now), self.someone_types(call)) {
                    Some(length) => Instant::now() + Duration::from_millis(length.0.unsigned_abs()),
                    None => return Ok(false),
                },
            };
            tokio::select! {
                () = stopped, if held_since.is_some() => {}
                delivery = subscription.next() => self.take(delivery)?,
                () = self.watch.is_due() => self.watch.check().await?,
                () = sleep_until(until) => if held_since.is_none() && Instant::now() >= deadline { return Ok(self.facts.is_empty()) },
                _ = tick.tick(), if token.is_some() => {
                    if let Some(token) = &token {
                        let progress = ProgressNotificationParam::new(token.clone(), began.elapsed().as_secs_f64())
                            .with_total(patience.as_secs_f64())
                            .with_message("waiting for words");
                        // A client that is gone needs no progress.
                        let _told = call.request.peer.notify_progress(progress).await;
                    }
                }
                () = call.app().closing().cancelled() => return Ok(false),
                () = call.abandoned() => return Ok(false),
            }
        }
        Ok(false)
    }

    /// Returns when the last thing happened, once something has that ends the wait.
    fn woken_at(&self) -> Option<Timestamp> {
        let is_woken = self.facts.iter().any(|received| received.wakes);
        self.facts.last().filter(|_| is_woken).map(|received| received.fact.at)
    }

    /// Tells whether a chatter whose message was received goes on typing.
    fn someone_types(&self, call: &Call) -> bool {
        self.facts
            .iter()
            .filter(|received| is_said_by_chatter(&received.fact))
            .any(|received| call.app().hub().chatter_types(received.fact.address))
    }

    fn done(mut self, at: Position, timed_out: bool) -> Received {
        let is_over_limit = self.facts.len() > self.limit;
        self.facts.truncate(self.limit);
        let last = self.facts.last().map(|received| received.fact.position);
        let at = match (self.more, last) {
            (Some(more), _) => more,
            (None, Some(last)) if is_over_limit => last,
            (None, _) => at,
        };
        Received { has_more: is_over_limit || self.more.is_some(), facts: self.facts, vaults: self.vaults, at, timed_out }
    }
}

/// Tells whether a chatter said this.
pub(crate) fn is_said_by_chatter(fact: &Fact) -> bool {
    match &fact.event {
        AnyEvent::Session(SessionEvent::MessagePosted { from, .. }) => *from == Author::Chatter,
        AnyEvent::Session(SessionEvent::DecisionMade { verdict, .. }) => *verdict != Verdict::TimedOut,
        AnyEvent::Session(event) => matches!(event, SessionEvent::QuestionAnswered { .. }),
        AnyEvent::Link(_) | AnyEvent::Agent(_) => false,
    }
}
