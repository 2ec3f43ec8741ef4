//! A link's budgets: sessions draw from them, and decide for themselves within what they were granted. So nobody overspends a link's budget,
//! in whatever order its sessions are written, and no session's commit waits for the link's while its grant lasts.

use super::{Event, Link, Rejection, Settings};
use crate::budget::{Amounts, Measure, Span, Spending, Tally, day};
use crate::{Fingerprint, Policy, SessionId, Timestamp};

/// The bytes that a session may write at first, beside what it starts with.
const FIRST_BYTES: u64 = 16 << 10;
/// The bytes that a session draws at once afterwards.
const MORE_BYTES: u64 = 128 << 10;
/// Of what is left of other measures a session draws this part at once, and at least what it is about to spend: what silent sessions hold is
/// little, and so is what a link's history grows by.
const PART: u64 = 1_000;
/// What a start takes beside the link's texts: its commits, the link's own and a name.
const START: u64 = 4 << 10;

impl Link {
    /// Returns what a session may spend at `now` by its grants; of what is not limited, more than anybody spends.
    pub fn granted(&self, session: SessionId, now: Timestamp, policy: &Policy) -> Tally {
        let held = self.granted.get(&session).copied().unwrap_or_default();
        let endless = Amounts::of(|_| u64::MAX);
        let Some(settings) = &self.settings else {
            // Nothing is limited by a link that is gone: its sessions have ended, and say so themselves.
            return Tally { all: endless, day: day(now), today: endless };
        };
        let among = |held: Amounts, limit: &dyn Fn(Measure) -> Option<u64>| {
            Amounts::of(|what| limit(what).map_or(u64::MAX, |_| held.get(what)))
        };
        Tally {
            all: among(held.all, &|what| settings.budget.link.get(what)),
            day: day(now),
            today: among(held.on(now), &|what| settings.a_day(what, policy)),
        }
    }

    /// Grants a session what it is about to spend, and some more.
    pub(super) fn draw(
        &self,
        settings: &Settings,
        (session, spent): (SessionId, &Tally),
        cost: Amounts,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        let held = self.granted.get(&session).copied().unwrap_or_default();
        let in_all = |what| settings.budget.link.get(what);
        let a_day = |what| settings.a_day(what, policy);
        let missing = spent.all.plus(cost).minus(held.all);
        let missing_today = spent.on(now).plus(cost).minus(held.on(now));
        // What another request of this session has drawn is not drawn again.
        let cost = Amounts::of(|what| {
            let is_held = in_all(what).is_none() || missing.get(what) == 0;
            let is_held_today = a_day(what).is_none() || missing_today.get(what) == 0;
            if is_held && is_held_today { 0 } else { cost.get(what) }
        });
        if cost.is_empty() {
            return Ok(vec![]);
        }
        // What the session has spent without a grant, as before there was a budget, counts first.
        let before = Spending { of: Span::Link, used: self.spent.all.plus(spent.all.minus(held.all)), cost };
        let before_today = Spending { of: Span::Day, used: self.spent.on(now).plus(spent.on(now).minus(held.on(now))), cost };
        before.within(in_all).and_then(|()| before_today.within(a_day)).map_err(Rejection::BudgetReached)?;
        let drawn = Amounts::of(|what| {
            if cost.get(what) == 0 {
                return 0;
            }
            let wanted = [in_all(what).map(|_| missing.get(what)), a_day(what).map(|_| missing_today.get(what))];
            let wanted = wanted.into_iter().flatten().max().unwrap_or(0);
            let left = [
                in_all(what).map(|limit| limit.saturating_sub(self.spent.all.get(what))),
                a_day(what).map(|limit| limit.saturating_sub(self.spent.on(now).get(what))),
            ];
            let left = left.into_iter().flatten().min().unwrap_or(0);
            let at_once = match what {
                Measure::Bytes => MORE_BYTES,
                Measure::Messages | Measure::Characters | Measure::Turns => left / PART,
            };
            wanted.max(at_once.min(left))
        });
        let mut events = self.reaches(settings, drawn, now, policy);
        events.push(Event::BudgetDrawn { session, drawn });
        Ok(events)
    }

    /// Returns the bytes that a newcomer may write at first, and the shares of budgets that are reached by them.
    pub(super) fn draw_start(
        &self,
        settings: &Settings,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<(u64, Vec<Event>), Rejection> {
        let texts = [settings.welcome_message.as_ref(), settings.questions.as_ref().map(|questions| &questions.form)];
        let texts = texts.into_iter().flatten().map(|text| text.bytes.len() as u64).sum::<u64>();
        let bytes = START + texts + FIRST_BYTES;
        let spending = Spending { of: Span::Day, used: self.spent.on(now), cost: Amounts::bytes(bytes) };
        spending.within(|what| settings.a_day(what, policy)).map_err(Rejection::BudgetReached)?;
        Ok((bytes, self.reaches(settings, Amounts::bytes(bytes), now, policy)))
    }

    fn reaches(&self, settings: &Settings, cost: Amounts, now: Timestamp, policy: &Policy) -> Vec<Event> {
        let in_all = Spending { of: Span::Link, used: self.spent.all, cost }.reaches(|what| settings.budget.link.get(what));
        let a_day = Spending { of: Span::Day, used: self.spent.on(now), cost }.reaches(|what| settings.a_day(what, policy));
        let reached = in_all.into_iter().chain(a_day);
        reached.map(|(reached, at_percent)| Event::BudgetReached { reached, at_percent }).collect()
    }

    pub(super) fn note_drawn(&mut self, session: SessionId, drawn: Amounts, at: Timestamp) {
        let is_counted_in_all = self.settings.as_ref().is_some_and(|settings| !settings.budget.link.is_empty());
        if self.spent.day < day(at) && !is_counted_in_all {
            // Grants of another day count for nothing any more.
            self.granted = self.granted.iter().filter(|(_, held)| held.day >= day(at)).map(|(id, held)| (*id, *held)).collect();
        }
        self.spent.add(drawn, at);
        let mut held = self.granted.get(&session).copied().unwrap_or_default();
        held.add(drawn, at);
        self.granted.insert(session, held);
    }

    /// Counts what a session has spent in the end, in the place of what it was granted.
    pub(super) fn settle(&mut self, session: SessionId, spent: &Tally, at: Timestamp) {
        let held = self.granted.remove(&session).unwrap_or_default();
        self.spent.settle(&held, spent, at);
    }

    /// Shuts a session's clients out; one that is shut out already is not written again.
    pub(super) fn block(&self, session: SessionId, clients: &[Fingerprint], network: Option<Fingerprint>) -> Vec<Event> {
        let clients: Vec<_> = clients.iter().filter(|client| !self.blocked.contains(client)).copied().collect();
        if clients.is_empty() {
            return vec![];
        }
        vec![Event::Blocked { session, clients, network }]
    }

    pub(super) fn note_blocked(&mut self, clients: &[Fingerprint], network: Option<Fingerprint>) {
        self.blocked.extend(clients.iter().copied());
        self.blocked_networks.extend(network.filter(|network| !self.blocked_networks.contains(network)));
        for list in [&mut self.blocked, &mut self.blocked_networks] {
            while list.len() > MOST_BLOCKED {
                list.pop_front();
            }
        }
    }

    /// Tells whether a client was shut out.
    pub fn has_blocked(&self, client: &Fingerprint) -> bool {
        self.blocked.contains(client)
    }

    /// Tells whether a client was shut out that came from a network: others from there are asked for a proof of work.
    pub fn has_blocked_from(&self, network: &Fingerprint) -> bool {
        self.blocked_networks.contains(network)
    }
}

/// Blocked clients, and networks, that a link remembers; the oldest are forgotten. What is remembered must not depend on settings: states are
/// folded anew.
const MOST_BLOCKED: usize = 1_000;

impl Settings {
    /// Returns the most of a measure that all sessions may spend a day.
    fn a_day(&self, what: Measure, policy: &Policy) -> Option<u64> {
        match what {
            Measure::Bytes => Some(policy.link_bytes_a_day),
            Measure::Messages | Measure::Characters | Measure::Turns => self.budget.day.get(what),
        }
    }
}
