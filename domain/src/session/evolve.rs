//! How a session's state changes by its events.

use super::{Author, Event, Handoff, PlannedEnd, Question, ReadMark, Session, Status, Verdict, spending};
use crate::time::note;
use crate::{QuestionId, Timestamp};

impl Session {
    pub(super) fn evolve(&mut self, event: &Event, at: Timestamp) {
        self.spent.add(spending::cost(event), at);
        match event {
            Event::Started { link, settings, origin, .. } => {
                self.network = origin.and_then(|origin| origin.network);
                self.clients.extend(origin.map(|origin| origin.client));
                self.status = Status::Active;
                self.settings = Some(settings.clone());
                self.link = Some(*link);
                self.started_at = at;
                self.last_word_at = at;
            }
            Event::MessagePosted { from, signs, .. } => {
                self.hear(*from, at);
                if let (Author::Chatter, Some(signs)) = (from, signs) {
                    self.suspicion.add_message(*signs, at);
                }
            }
            Event::Flooded { messages } => self.suspicion.add_flood(*messages, at),
            Event::AbuseNoticed { level, reasons: _ } => self.suspicion.note_told(*level, at),
            Event::QuestionAsked { question, from, form, fields, required, terms } => {
                self.hear(*from, at);
                let (form, terms) = (Some(form.clone()), terms.clone());
                let masks = [*fields, *required, 0];
                self.note_asked(*question, Question { form, terms, ..Question::of_masks(masks, 0) });
            }
            Event::QuestionClosed { question, why, .. } => self.note_closed(*question, *why),
            Event::QuestionAnswered { question, answered, withdrawn, missing, .. } => {
                self.note_answered(*question, *answered, *withdrawn);
                self.note_word_of_person();
                // Whoever has answered in part is not done.
                if *missing == 0 {
                    self.owed_since.get_or_insert(at);
                }
                self.last_word_at = at;
            }
            Event::DecisionMade { question, verdict, .. } => self.note_verdict(*question, *verdict, at),
            Event::MarkedRead { by, upto } => {
                let moves = self.read.get(by).map_or(0, |mark| mark.moves);
                self.read.insert(*by, ReadMark { upto: *upto, at, moves: moves.saturating_add(1) });
            }
            Event::WentIdle => self.status = Status::Idle,
            Event::Resumed => {
                self.status = Status::Active;
                self.last_word_at = at;
            }
            Event::Rescheduled { expires_at } => {
                if let Some(settings) = &mut self.settings {
                    settings.expires_at = *expires_at;
                }
            }
            Event::Rated { feedback, .. } => {
                self.rated = true;
                if feedback.is_some() {
                    self.note_word_of_person();
                }
            }
            Event::HandoffOffered { code, expires_at } => {
                self.handoff = Some(Handoff { code: *code, expires_at: *expires_at, misses: 0 });
                self.handoffs = self.handoffs.saturating_add(1);
            }
            Event::HandoffMissed => {
                if let Some(offered) = &mut self.handoff {
                    offered.misses = offered.misses.saturating_add(1);
                }
            }
            Event::DeviceAdded { device, client } => {
                self.clients.extend(*client);
                // A code adds one device only.
                if let Some(offered) = self.handoff.take() {
                    self.devices.insert(*device, offered.code);
                }
            }
            Event::DeviceForgotten { device } => {
                self.forgotten.insert(*device);
            }
            Event::BudgetReached { .. } => {}
            Event::BudgetSet { budget } => {
                if let Some(settings) = &mut self.settings {
                    settings.budget = *budget;
                }
            }
            Event::Reported { .. } => {
                self.reports = self.reports.saturating_add(1);
                self.note_word_of_person();
            }
            Event::EndPlanned { at, farewell } => {
                self.planned_end = Some(PlannedEnd { at: *at, farewell: farewell.clone() });
                self.planned_ends = self.planned_ends.saturating_add(1);
            }
            Event::EndCalledOff { .. } => self.planned_end = None,
            Event::Ended { reason } => {
                self.status = Status::Ended;
                self.planned_end = None;
                self.ended = Some((*reason, at));
            }
            Event::Erased => self.status = Status::Erased,
        }
    }

    /// Notes a verdict; that of silence is nobody's word.
    fn note_verdict(&mut self, question: QuestionId, verdict: Verdict, at: Timestamp) {
        if verdict != Verdict::TimedOut {
            self.note_answered(question, 0, 0);
            self.note_word_of_person();
            self.owed_since.get_or_insert(at);
            self.last_word_at = at;
        }
    }

    fn hear(&mut self, from: Author, at: Timestamp) {
        match from {
            Author::Chatter => {
                self.chatter_messages = self.chatter_messages.saturating_add(1);
                note(&mut self.recent_chatter, at);
                self.note_word_of_person();
                self.owed_since.get_or_insert(at);
            }
            Author::Agent(_) => {
                self.agent_messages = self.agent_messages.saturating_add(1);
                note(&mut self.recent_agent, at);
                self.owed_since = None;
                self.note_word_of_agent();
            }
            Author::System => {}
        }
        self.last_word_at = at;
    }
}
