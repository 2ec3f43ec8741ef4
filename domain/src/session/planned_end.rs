//! The soft end: the agent says when the chat ends, and any word of the person's calls it off.

use serde::{Deserialize, Serialize};

use super::within::{within_length, within_time};
use super::{Author, EndReason, Event, Rejection, Session, Settings, Status};
use crate::{Millis, Policy, Sealed, Timestamp};

/// An end that was told beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedEnd {
    /// When.
    pub at: Timestamp,
    /// The agent's closing message.
    pub farewell: Option<Sealed>,
}

impl Session {
    /// Plans the end, or moves the one that was planned.
    pub(super) fn plan_end(
        &self,
        settings: &Settings,
        within: Millis,
        farewell: Option<&Sealed>,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        self.goes_on(settings, now)?;
        if self.planned_ends >= policy.planned_ends {
            return Err(Rejection::TooManyPlannedEnds { limit: policy.planned_ends });
        }
        within_time(within, policy.soonest_planned_end, policy.latest_planned_end)?;
        if let Some(text) = farewell {
            within_length(text, policy.text_characters)?;
        }
        Ok(vec![Event::EndPlanned { at: now + within, farewell: farewell.cloned() }])
    }

    /// Ends the session as it was planned.
    pub(super) fn end_as_planned(&self, settings: &Settings, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        match (self.status, &self.planned_end) {
            (Status::Ended | Status::Erased, _) | (_, None) => Ok(vec![]),
            (_, Some(planned)) if now < planned.at => Err(Rejection::NotDue { until: planned.at }),
            (_, Some(planned)) => self.end(settings, EndReason::AgentEnded, planned.farewell.as_ref(), now, policy),
        }
    }

    /// Calls the planned end off, where there is one: it comes before the word that does it.
    pub(super) fn called_off(&self, by: Author) -> Vec<Event> {
        match by {
            Author::Chatter if self.planned_end.is_some() => vec![Event::EndCalledOff { by }],
            Author::Chatter | Author::Agent(_) | Author::System => vec![],
        }
    }
}
