//! How a session's state changes by its events.

use super::{Author, Event, Handoff, Question, ReadMark, Session, Status, spending};
use crate::Timestamp;
use crate::time::note;

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
            Event::MessagePosted { from, .. } => self.hear(*from, at),
            Event::QuestionAsked { question, from, form, fields, required } => {
                self.hear(*from, at);
                let form = Some(form.clone());
                let asked = Question { form, fields: *fields, required: *required, answered: 0, answers: 0, closed: false };
                self.questions.insert(*question, asked);
            }
            Event::QuestionAnswered { question, answered, withdrawn, .. } => {
                if let Some(question) = self.questions.get_mut(question) {
                    question.answered = question.answered_after(*answered, *withdrawn);
                    question.answers = question.answers.saturating_add(1);
                }
                self.owed_since.get_or_insert(at);
                self.last_word_at = at;
            }
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
            Event::Rated { .. } => self.rated = true,
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
            Event::Reported { .. } => self.reports = self.reports.saturating_add(1),
            Event::Ended { reason } => {
                self.status = Status::Ended;
                self.ended = Some((*reason, at));
            }
            Event::Erased => self.status = Status::Erased,
        }
    }

    fn hear(&mut self, from: Author, at: Timestamp) {
        match from {
            Author::Chatter => {
                self.chatter_messages = self.chatter_messages.saturating_add(1);
                note(&mut self.recent_chatter, at);
                self.owed_since.get_or_insert(at);
            }
            Author::Agent(_) => {
                self.agent_messages = self.agent_messages.saturating_add(1);
                note(&mut self.recent_agent, at);
                self.owed_since = None;
                self.close_answered();
            }
            Author::System => {}
        }
        self.last_word_at = at;
    }

    /// Closes completely answered questions when the agent writes: what the agent has acted on does not change afterwards.
    fn close_answered(&mut self) {
        let complete: Vec<_> = self.questions.iter().filter(|(_, question)| question.is_complete()).map(|(id, _)| *id).collect();
        for id in complete {
            if let Some(question) = self.questions.get_mut(&id) {
                question.closed = true;
                question.form = None;
            }
        }
    }
}
