//! What a session makes of signs of abuse.

use super::{Author, Event, Rejection, Session};
use crate::Timestamp;
use crate::abuse::{Signs, Suspicion};

impl Session {
    /// Passes while the chatter may post one message more; returns what the agent is told of it, if anything.
    pub(super) fn suspect(
        &self,
        from: Author,
        signs: Option<Signs>,
        is_paid: bool,
        now: Timestamp,
    ) -> Result<Option<Event>, Rejection> {
        if from != Author::Chatter {
            return Ok(None);
        }
        if self.suspicion.is_closed() {
            return Err(Rejection::Abuse);
        }
        if let Some(free_at) = self.suspicion.is_priced_until(now).filter(|_| !is_paid) {
            return Err(Rejection::ProofRequired { free_at });
        }
        Ok(signs.and_then(|signs| self.noticed(now, |suspicion| suspicion.add_message(signs, now))))
    }

    /// Notes a flood while it can still do harm.
    pub(super) fn note_flood(&self, messages: u32, now: Timestamp) -> Vec<Event> {
        let is_live = self.settings.as_ref().is_some_and(|settings| self.live(settings, now).is_ok());
        if !is_live || self.suspicion.is_closed() {
            return vec![];
        }
        let noticed = self.noticed(now, |suspicion| suspicion.add_flood(messages, now));
        noticed.into_iter().chain([Event::Flooded { messages }]).collect()
    }

    /// Returns what there is to tell after a change.
    fn noticed(&self, now: Timestamp, change: impl FnOnce(&mut Suspicion)) -> Option<Event> {
        let mut next = self.suspicion.clone();
        change(&mut next);
        next.news(now).map(|(level, reasons)| Event::AbuseNoticed { level, reasons })
    }
}
