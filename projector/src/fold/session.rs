//! What a session's events change.

use domain::abuse::Noticed;
use domain::session::{Author, EndReason, Event, Question, Reader, Settings, Verdict};
use domain::{LinkId, Millis, Sealed, SessionId};
use follower::{Id, moment, sealed, signed};
use sqlx::types::Uuid;
use sqlx::types::time::OffsetDateTime;

use super::{Context, Rows};
use crate::table::question::QuestionRow;
use crate::table::read_mark::ReadMarkRow;
use crate::table::scheduled::Purpose;
use crate::table::session::{SessionRow, SessionStatus};

impl Rows {
    pub(super) fn fold_session(&mut self, commit: &Context, session: SessionId, event: &Event) {
        let id = session.column();
        if event.changes_the_chat() {
            // A budget is told to every key, whoever spent it.
            let by = commit.key.filter(|_| !matches!(event, Event::BudgetReached { .. }));
            self.unread.add_news(id, by, commit.sequence);
        }
        if let Event::Started { link, settings, display_name, language, recipient, origin: _ } = event {
            self.start(commit, id, *link, settings, display_name.as_ref(), language.as_deref());
            if let Some(row) = self.sessions.change(&id) {
                row.recipient = recipient.map(i16::from);
            }
            return;
        }
        let Some(row) = self.sessions.change(&id) else { return };
        let at = moment(commit.at);
        let link = row.link;
        let cause = commit.cause(link);
        row.sequence = commit.sequence;
        match event {
            // The start was taken in above; who is let in, and what may be spent, is asked of the log alone.
            Event::Started { .. }
            | Event::BudgetReached { .. }
            | Event::BudgetSet { .. }
            | Event::Reported { .. }
            | Event::Flooded { .. }
            | Event::HandoffOffered { .. }
            | Event::HandoffMissed
            | Event::DeviceAdded { .. }
            | Event::DeviceForgotten { .. }
            // Silence is nobody's answer.
            | Event::DecisionMade { verdict: Verdict::TimedOut, .. } => {}
            Event::AbuseNoticed { level, reasons } => {
                row.abuse = Some(Noticed { level: *level, reasons: reasons.clone() }.to_bits());
            }
            Event::MessagePosted { from, .. } => self.hear(commit, id, *from),
            Event::QuestionAsked { question, from, fields, required, form: _, terms } => {
                self.hear(commit, id, *from);
                self.questions.put(
                    (id, question.column()),
                    QuestionRow {
                        id: question.column(),
                        session: id,
                        agent: commit.agent,
                        link,
                        shard: commit.shard,
                        asked_at: at,
                        fields: i16::from(*fields),
                        required: i16::from(*required),
                        answered: 0,
                        answers: 0,
                        closed: false,
                        answer_by: terms.answer_by.map(moment),
                        sequence: commit.sequence,
                    },
                );
                if terms.answer_by.is_some() {
                    self.schedule_time_out(commit, id, link);
                }
            }
            Event::QuestionClosed { question, .. } => self.close(commit, id, link, question.column()),
            Event::EndPlanned { at, .. } => self.schedule.set(cause, id, Purpose::EndAsPlanned, moment(*at)),
            Event::EndCalledOff { .. } => self.schedule.drop(cause, id, &[Purpose::EndAsPlanned]),
            Event::QuestionAnswered { question, answered, withdrawn, values: _, missing } => {
                note_answer(row, at, *missing == 0);
                self.count_answer(commit, (id, question.column()), *answered, *withdrawn);
            }
            Event::DecisionMade { question, .. } => {
                note_answer(row, at, true);
                self.count_answer(commit, (id, question.column()), 0, 0);
            }
            Event::MarkedRead { by, upto } => self.read(commit, id, link, *by, *upto),
            Event::WentIdle => {
                row.status = SessionStatus::Idle;
                self.schedule.drop(cause, id, &[Purpose::Idle]);
                self.schedule.set(cause, id, Purpose::Release, at);
            }
            Event::Resumed => {
                row.status = SessionStatus::Active;
                row.last_word_at = at;
                let silent_until = moment(commit.at + Millis(row.idle_timeout_ms));
                self.schedule.drop(cause, id, &[Purpose::ReleaseUnused, Purpose::Release]);
                self.schedule.set(cause, id, Purpose::Idle, silent_until);
            }
            Event::Rescheduled { expires_at } => {
                row.expires_at = moment(*expires_at);
                self.schedule.drop(cause, id, &[Purpose::Reschedule]);
                self.schedule.set(cause, id, Purpose::Expire, moment(*expires_at));
            }
            Event::Rated { rating, feedback } => {
                row.rating = Some(i16::from(*rating));
                row.feedback = feedback.as_ref().map(sealed);
            }
            Event::Ended { reason } => self.end(commit, id, *reason),
            Event::Erased => {
                row.status = SessionStatus::Erased;
                row.erased_at = Some(at);
                // Nobody can open them any more.
                row.display_name = None;
                row.feedback = None;
                self.unread.add_erased(id);
                self.schedule.drop(cause, id, &[Purpose::Erase]);
            }
        }
    }

    fn count_answer(&mut self, commit: &Context, question: (Uuid, Uuid), answered: u8, withdrawn: u8) {
        if let Some(question) = self.questions.change(&question) {
            question.answered = (question.answered & !i16::from(withdrawn)) | i16::from(answered);
            question.answers += 1;
            question.sequence = commit.sequence;
        }
    }

    fn start(
        &mut self,
        commit: &Context,
        id: Uuid,
        link: LinkId,
        settings: &Settings,
        name: Option<&Sealed>,
        language: Option<&str>,
    ) {
        let link = link.column();
        let at = moment(commit.at);
        let cause = commit.cause(link);
        self.sessions.put(
            id,
            SessionRow {
                id,
                agent: commit.agent,
                link,
                shard: commit.shard,
                status: SessionStatus::Active,
                display_name: name.map(sealed),
                feedback: None,
                language: language.map(str::to_owned),
                recipient: None,
                started_at: at,
                started_sequence: commit.sequence,
                expires_at: moment(settings.expires_at),
                max_messages: i64::from(settings.max_messages),
                messages_per_minute: i64::from(settings.messages_per_minute),
                idle_timeout_ms: settings.idle_timeout.0,
                keep_after_end_ms: settings.keep_after_end.0,
                chatter_messages: 0,
                agent_messages: 0,
                last_word_at: at,
                last_chatter_at: None,
                last_agent_at: None,
                first_chatter_at: None,
                first_reply_at: None,
                owed_since: None,
                rating: None,
                ended_at: None,
                end_reason: None,
                erase_at: None,
                erased_at: None,
                abuse: None,
                sequence: commit.sequence,
            },
        );
        self.schedule.drop(cause, id, &[Purpose::ReleaseUnused]);
        self.schedule.set(cause, id, Purpose::Expire, moment(settings.expires_at));
        self.schedule.set(cause, id, Purpose::Idle, moment(commit.at + settings.idle_timeout));
        // The link may have changed between the admission, whose settings these are, and now.
        if let Some(row) = self.links.get(&link) {
            if row.settings.expires_at != settings.expires_at {
                self.schedule.set(cause, id, Purpose::Reschedule, at);
            }
            if row.ends_sessions {
                self.schedule.set(cause, id, Purpose::EndWithLink, at);
            }
        }
    }

    fn read(&mut self, commit: &Context, id: Uuid, link: Uuid, by: Reader, upto: u64) {
        let key = match by {
            Reader::Chatter => None,
            Reader::Agent(key) => Some(key.column()),
        };
        if let Some(key) = key {
            self.unread.add_read(id, key);
        }
        let (agent, shard, at, sequence) = (commit.agent, commit.shard, moment(commit.at), commit.sequence);
        self.read_marks.put((id, key), ReadMarkRow { session: id, key, agent, link, shard, upto: signed(upto), at, sequence });
    }

    fn hear(&mut self, commit: &Context, id: Uuid, from: Author) {
        let Some(row) = self.sessions.change(&id) else { return };
        let at = moment(commit.at);
        row.last_word_at = at;
        match from {
            Author::Chatter => {
                row.chatter_messages += 1;
                row.last_chatter_at = Some(at);
                row.first_chatter_at.get_or_insert(at);
                row.owed_since.get_or_insert(at);
            }
            Author::Agent(_) => {
                row.agent_messages += 1;
                row.last_agent_at = Some(at);
                if row.first_chatter_at.is_some() {
                    row.first_reply_at.get_or_insert(at);
                }
                row.owed_since = None;
                self.close_answered(commit, id);
            }
            Author::System => {}
        }
    }

    fn close(&mut self, commit: &Context, session: Uuid, link: Uuid, question: Uuid) {
        let Some(row) = self.questions.change(&(session, question)) else { return };
        row.closed = true;
        row.sequence = commit.sequence;
        if row.answer_by.is_some() {
            self.schedule_time_out(commit, session, link);
        }
    }

    /// Schedules the time-out of a session's questions for the first of their deadlines.
    fn schedule_time_out(&mut self, commit: &Context, session: Uuid, link: Uuid) {
        let of_session = (session, Uuid::nil())..=(session, Uuid::max());
        let open = self.questions.keys(of_session, |row| !row.closed);
        let first = open.iter().filter_map(|key| self.questions.get(key)?.answer_by).min();
        let cause = commit.cause(link);
        match first {
            Some(due_at) => self.schedule.set(cause, session, Purpose::TimeOutQuestions, due_at),
            None => self.schedule.drop(cause, session, &[Purpose::TimeOutQuestions]),
        }
    }

    /// What the agent has acted on takes no answer any more, as commits meant it that did not say so yet.
    fn close_answered(&mut self, commit: &Context, session: Uuid) {
        let of_session = (session, Uuid::nil())..=(session, Uuid::max());
        for key in self.questions.keys(of_session, |row| !row.closed && row.is_complete()) {
            if let Some(row) = self.questions.change(&key) {
                row.closed = true;
                row.sequence = commit.sequence;
            }
        }
    }

    fn end(&mut self, commit: &Context, id: Uuid, reason: EndReason) {
        let Some(row) = self.sessions.change(&id) else { return };
        let cause = commit.cause(row.link);
        let held_place = row.status == SessionStatus::Active;
        let erase_at = moment(reason.erase_at(commit.at, Millis(row.keep_after_end_ms)));
        row.status = SessionStatus::Ended;
        row.ended_at = Some(moment(commit.at));
        row.end_reason = Some(reason_name(reason).to_owned());
        row.erase_at = Some(erase_at);
        let timers = [Purpose::Idle, Purpose::Expire, Purpose::Reschedule, Purpose::EndWithLink];
        self.schedule.drop(cause, id, &timers);
        self.schedule.drop(cause, id, &[Purpose::TimeOutQuestions, Purpose::EndAsPlanned]);
        self.schedule.set(cause, id, Purpose::Erase, erase_at);
        // An idle one gave its place back when it fell idle.
        if held_place {
            self.schedule.set(cause, id, Purpose::Release, moment(commit.at));
        }
    }
}

impl QuestionRow {
    /// Tells whether every required field is answered.
    fn is_complete(&self) -> bool {
        let mask = |column: i16| u8::try_from(column).unwrap_or(u8::MAX);
        let masks = [self.fields, self.required, self.answered].map(mask);
        Question::of_masks(masks, u32::try_from(self.answers).unwrap_or(u32::MAX)).is_complete()
    }
}

pub(crate) const fn reason_name(reason: EndReason) -> &'static str {
    match reason {
        EndReason::ChatterLeft => "chatter_left",
        EndReason::AgentEnded => "agent_ended",
        EndReason::LinkExpired => "link_expired",
        EndReason::LinkRevoked => "link_revoked",
        EndReason::MessageLimit => "message_limit",
        EndReason::Blocked => "blocked",
        EndReason::Erased => "erased",
    }
}

/// Notes that the person has answered; whoever has answered in part is not done.
fn note_answer(row: &mut SessionRow, at: OffsetDateTime, is_complete: bool) {
    row.last_word_at = at;
    row.last_chatter_at = Some(at);
    row.first_chatter_at.get_or_insert(at);
    if is_complete {
        row.owed_since.get_or_insert(at);
    }
}
