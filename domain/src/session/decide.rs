//! The decisions of a session.

use super::within::{within_fields, within_length};
use super::{Asked, Author, Command, EndReason, Event, MessageKind, Reader, Rejection, Session, Settings, Start, Status, Terms};
use crate::budget::Limits;
use crate::time::full_minute;
use crate::{Policy, Sealed, Timestamp};

/// Read marks that one reader may set beyond one for each entry: the system's messages are read too.
const READ_MARKS_BESIDES: u32 = 2;

/// Decides for a session whose commits were pruned: it is as dead as it was.
fn decide_pruned(command: &Command) -> Result<Vec<Event>, Rejection> {
    match command {
        Command::Start(_) => Err(Rejection::AlreadyStarted),
        Command::GoIdle
        | Command::Reschedule { .. }
        | Command::ForgetDevice { .. }
        | Command::NoteFlood { .. }
        | Command::SetBudget { .. }
        | Command::TimeOutQuestions
        | Command::End { .. }
        | Command::EndAsPlanned
        | Command::Expire
        | Command::Erase { .. } => Ok(vec![]),
        Command::Spend { command, .. } | Command::IfRead { command, .. } => decide_pruned(command),
        Command::Post { .. }
        | Command::Ask { .. }
        | Command::Answer { .. }
        | Command::Decide { .. }
        | Command::Withdraw { .. }
        | Command::MarkRead { .. }
        | Command::Resume { .. }
        | Command::Rate { .. }
        | Command::OfferHandoff { .. }
        | Command::TakeHandoff { .. }
        | Command::PlanEnd { .. }
        | Command::Report { .. } => Err(Rejection::Erased),
    }
}

impl Session {
    pub(super) fn decide(&self, command: &Command, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        let Some(settings) = &self.settings else {
            if self.status == Status::Erased {
                return decide_pruned(command);
            }
            return match command {
                Command::Start(start) => begin(start, now, policy),
                Command::Post { .. }
                | Command::Ask { .. }
                | Command::Answer { .. }
                | Command::Decide { .. }
                | Command::Withdraw { .. }
                | Command::TimeOutQuestions
                | Command::MarkRead { .. }
                | Command::GoIdle
                | Command::Resume { .. }
                | Command::Reschedule { .. }
                | Command::Rate { .. }
                | Command::OfferHandoff { .. }
                | Command::TakeHandoff { .. }
                | Command::ForgetDevice { .. }
                | Command::Report { .. }
                | Command::NoteFlood { .. }
                | Command::SetBudget { .. }
                | Command::Spend { .. }
                | Command::IfRead { .. }
                | Command::End { .. }
                | Command::PlanEnd { .. }
                | Command::EndAsPlanned
                | Command::Expire
                | Command::Erase { .. } => Err(Rejection::Unknown),
            };
        };
        match command {
            Command::Start(_) => Err(Rejection::AlreadyStarted),
            Command::Post { from, text, kind, client_message_id, signs, is_paid } => {
                let allowed = self.may_post(settings, *from, text, now, policy);
                if !matches!(allowed, Ok(()) | Err(Rejection::Idle)) {
                    return allowed.map(|()| vec![]);
                }
                // Checked before `Idle` is returned, so that no admission is reserved for a command that is rejected anyway.
                let noticed = self.suspect(*from, *signs, *is_paid, now)?;
                allowed?;
                let (text, client_message_id) = (text.clone(), client_message_id.clone());
                let mut events: Vec<Event> = noticed.into_iter().collect();
                events.extend(self.called_off(*from));
                events.extend(self.closed_by_word(*from, None));
                events.push(Event::MessagePosted { from: *from, text, kind: *kind, client_message_id, signs: *signs });
                Ok(events)
            }
            Command::Ask { question, from, form, fields, required, wish } => {
                self.may_speak(settings, *from, now, policy)?;
                self.ask((*question, *from), (form, *fields, *required), wish, now, policy)
            }
            Command::Answer { question, values, answered, withdrawn } => {
                let known = self.may_answer(settings, (*question, None), now, policy)?;
                Ok(self.answered(*question, known, values, (*answered, *withdrawn)))
            }
            Command::Decide { question, choice, words, document } => {
                let known = self.may_answer(settings, (*question, Some(*choice)), now, policy)?;
                self.decided(*question, known, *choice, (*words, document))
            }
            Command::Withdraw { question, reason } => self.withdraw(settings, *question, reason.as_ref(), now, policy),
            Command::TimeOutQuestions => self.time_out(now),
            Command::MarkRead { by, upto } => self.mark_read(*by, self.read_whole(*upto), now, policy),
            Command::GoIdle => self.go_idle(settings, now),
            Command::Resume { start_before } => match self.live(settings, now) {
                Err(Rejection::Idle) if now >= *start_before => Err(Rejection::TooLate { start_before: *start_before }),
                Err(Rejection::Idle) => Ok(vec![Event::Resumed]),
                live => live.map(|()| vec![]),
            },
            Command::Reschedule { expires_at } => match self.status {
                Status::Active | Status::Idle if settings.expires_at != *expires_at => {
                    Ok(vec![Event::Rescheduled { expires_at: *expires_at }])
                }
                Status::Unknown | Status::Active | Status::Idle | Status::Ended | Status::Erased => Ok(vec![]),
            },
            Command::Rate { rating, feedback } => self.rate(*rating, feedback.as_ref(), policy),
            Command::OfferHandoff { code } => self.offer(settings, *code, now, policy),
            Command::TakeHandoff { code, device, client } => self.take(settings, *code, *device, *client, now, policy),
            Command::ForgetDevice { device } => Ok(self.forget(*device)),
            Command::Report { reason } => self.report(reason, policy),
            Command::NoteFlood { messages } => Ok(self.note_flood(*messages, now)),
            Command::SetBudget { budget } => Ok(self.set_budget(settings, *budget)),
            Command::Spend { command, .. } | Command::IfRead { command, .. } => self.decide(command, now, policy),
            Command::End { reason, farewell } => self.end(settings, *reason, farewell.as_ref(), now, policy),
            Command::PlanEnd { within, farewell } => self.plan_end(settings, *within, farewell.as_ref(), now, policy),
            Command::EndAsPlanned => self.end_as_planned(settings, now, policy),
            Command::Expire => match self.status {
                Status::Ended | Status::Erased => Ok(vec![]),
                Status::Unknown | Status::Active | Status::Idle if now < settings.expires_at => {
                    Err(Rejection::NotDue { until: settings.expires_at })
                }
                Status::Unknown | Status::Active | Status::Idle => Ok(self.ended(settings, EndReason::LinkExpired, now)),
            },
            Command::Erase { requested } => match (self.status, self.erase_at()) {
                (Status::Erased, _) => Ok(vec![]),
                (Status::Ended, Some(until)) if !requested && now < until => Err(Rejection::NotDue { until }),
                (Status::Ended, _) => Ok(vec![Event::Erased]),
                (Status::Unknown | Status::Active | Status::Idle, _) => Err(Rejection::StillOpen),
            },
        }
    }

    /// Passes while the session is active and its time is not up.
    pub(super) fn live(&self, settings: &Settings, now: Timestamp) -> Result<(), Rejection> {
        match self.status {
            Status::Unknown => Err(Rejection::Unknown),
            Status::Erased => Err(Rejection::Erased),
            Status::Ended => Err(Rejection::Ended { reason: self.ended.map_or(EndReason::Erased, |(reason, _)| reason) }),
            // Expiry is checked against the clock, even if the scheduled command never runs.
            Status::Active | Status::Idle if now >= settings.expires_at => {
                Err(Rejection::Ended { reason: EndReason::LinkExpired })
            }
            Status::Idle => Err(Rejection::Idle),
            Status::Active => Ok(()),
        }
    }

    /// Passes while the session is not over, also an idle one: for what needs no place.
    pub(super) fn goes_on(&self, settings: &Settings, now: Timestamp) -> Result<(), Rejection> {
        match self.live(settings, now) {
            Err(Rejection::Idle) | Ok(()) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    /// Passes while `from` may post one message more.
    fn may_speak(&self, settings: &Settings, from: Author, now: Timestamp, policy: &Policy) -> Result<(), Rejection> {
        match (self.live(settings, now), from) {
            // The agent may write to an idle session.
            (Err(Rejection::Idle), Author::Agent(_) | Author::System) => {}
            (live, _) => live?,
        }
        let (said, limit, recent, rate) = match from {
            Author::Chatter => {
                let rate = self.suspicion.slow_down(settings.messages_per_minute, now);
                (self.chatter_messages, settings.max_messages, &self.recent_chatter, rate)
            }
            Author::Agent(_) => {
                (self.agent_messages, policy.agent_messages, &self.recent_agent, policy.agent_messages_per_minute)
            }
            Author::System => return Ok(()),
        };
        if said >= limit {
            return Err(Rejection::MessageLimit { limit });
        }
        match full_minute(recent, rate as usize, now) {
            Some(retry_at) => Err(Rejection::RateLimited { retry_at }),
            None => Ok(()),
        }
    }

    /// Passes while `from` may post `text`.
    fn may_post(
        &self,
        settings: &Settings,
        from: Author,
        text: &Sealed,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<(), Rejection> {
        let longest = match from {
            Author::Chatter => policy.chatter_characters,
            Author::Agent(_) | Author::System => policy.agent_characters,
        };
        match self.may_speak(settings, from, now, policy) {
            Err(Rejection::Idle) => {
                // Checked before `Idle` is returned, so that no admission is reserved for a command that is rejected anyway.
                within_length(text, longest)?;
                Err(Rejection::Idle)
            }
            allowed => {
                allowed?;
                within_length(text, longest)
            }
        }
    }

    fn mark_read(&self, by: Reader, upto: u64, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        if self.status == Status::Erased {
            return Err(Rejection::Erased);
        }
        match self.read.get(&by) {
            // Sequences count from 1: a mark before the first event says nothing.
            _ if upto == 0 => Ok(vec![]),
            // A mark only moves forward, and about as often as there are entries at most, so that marks cannot fill the log.
            Some(mark) if upto <= mark.upto || mark.moves >= self.entries().saturating_add(READ_MARKS_BESIDES) => Ok(vec![]),
            Some(mark) if now < mark.at + policy.between_read_marks => {
                Err(Rejection::ReadTooSoon { retry_at: mark.at + policy.between_read_marks })
            }
            Some(_) | None => Ok(vec![Event::MarkedRead { by, upto }]),
        }
    }

    fn go_idle(&self, settings: &Settings, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        match self.status {
            Status::Idle | Status::Ended | Status::Erased => return Ok(vec![]),
            // The scheduled commands `idle` and `expire` may come in either order; past the end both end the session.
            Status::Unknown | Status::Active if now >= settings.expires_at => {
                return Ok(self.ended(settings, EndReason::LinkExpired, now));
            }
            Status::Unknown | Status::Active => {}
        }
        if self.owed_since.is_some() {
            // A session does not go idle while the agent owes a reply.
            return Err(Rejection::NotDue { until: now + settings.idle_timeout });
        }
        let until = self.last_word_at + settings.idle_timeout;
        if now < until {
            return Err(Rejection::NotDue { until });
        }
        if self.messages_left() == 0 {
            return Ok(self.ended(settings, EndReason::MessageLimit, now));
        }
        Ok(vec![Event::WentIdle])
    }

    fn rate(&self, rating: u8, feedback: Option<&Sealed>, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        if self.status == Status::Erased {
            return Err(Rejection::Erased);
        }
        if self.rated {
            return Err(Rejection::AlreadyRated);
        }
        if !(1..=5).contains(&rating) {
            return Err(Rejection::RatingOutOfRange { given: rating });
        }
        if let Some(feedback) = feedback {
            within_length(feedback, policy.feedback_characters)?;
        }
        Ok(vec![Event::Rated { rating, feedback: feedback.cloned() }])
    }

    /// Takes a report in every state but the last: what is wrong with a chat is often seen after its end.
    fn report(&self, reason: &Sealed, policy: &Policy) -> Result<Vec<Event>, Rejection> {
        if self.status == Status::Erased {
            return Err(Rejection::Erased);
        }
        if self.reports >= policy.reports {
            return Err(Rejection::TooManyReports { limit: policy.reports });
        }
        within_length(reason, policy.report_characters)?;
        Ok(vec![Event::Reported { reason: reason.clone() }])
    }

    fn set_budget(&self, settings: &Settings, budget: Limits) -> Vec<Event> {
        match self.status {
            Status::Active | Status::Idle if settings.budget != budget => vec![Event::BudgetSet { budget }],
            Status::Unknown | Status::Active | Status::Idle | Status::Ended | Status::Erased => vec![],
        }
    }

    pub(super) fn end(
        &self,
        settings: &Settings,
        reason: EndReason,
        farewell: Option<&Sealed>,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        match self.status {
            Status::Ended | Status::Erased => return Ok(vec![]),
            // The session's time was up before, so no farewell is posted after it.
            Status::Unknown | Status::Active | Status::Idle if now >= settings.expires_at => {
                return Ok(self.ended(settings, EndReason::LinkExpired, now));
            }
            Status::Unknown | Status::Active | Status::Idle => {}
        }
        let mut events = Vec::with_capacity(2);
        if let Some(text) = farewell {
            within_length(text, policy.text_characters)?;
            events.push(system_message(text, MessageKind::Farewell));
        }
        events.extend(self.ended(settings, reason, now));
        Ok(events)
    }

    /// Ends the session, and with it every question that is open.
    fn ended(&self, settings: &Settings, reason: EndReason, now: Timestamp) -> Vec<Event> {
        let mut events = self.closed_by_end(settings, now);
        events.push(Event::Ended { reason });
        events
    }
}

fn begin(start: &Start, now: Timestamp, policy: &Policy) -> Result<Vec<Event>, Rejection> {
    let start_before = start.start_before.min(start.settings.expires_at);
    if now >= start_before {
        return Err(Rejection::TooLate { start_before });
    }
    if let Some(name) = &start.display_name {
        within_length(name, policy.display_name_characters)?;
    }
    let Start { link, settings, display_name, language, welcome, question, recipient, origin, .. } = start;
    let mut events = vec![Event::Started {
        link: *link,
        settings: settings.clone(),
        display_name: display_name.clone(),
        language: language.as_deref().and_then(language_of),
        recipient: *recipient,
        origin: *origin,
    }];
    if let Some(text) = welcome.as_ref().filter(|text| text.characters > 0) {
        events.push(system_message(text, MessageKind::Welcome));
    }
    if let Some(Asked { question, form, fields, required }) = question {
        within_fields(*fields, policy)?;
        let (question, form, fields, required) = (*question, form.clone(), *fields, *required);
        // What a link asks may be changed until the agent speaks: nobody is there yet who would act on it.
        let terms = Terms::default();
        events.push(Event::QuestionAsked { question, from: Author::System, form, fields, required, terms });
    }
    Ok(events)
}

fn system_message(text: &Sealed, kind: MessageKind) -> Event {
    Event::MessagePosted { from: Author::System, text: text.clone(), kind: Some(kind), client_message_id: None, signs: None }
}

/// Reduces a language tag to language, script and region (RFC 5646, section 2.1). The tag is stored unsealed and shown to the
/// agent as
/// trusted text; its other parts, or a made-up tag, could hold a name or an instruction.
fn language_of(tag: &str) -> Option<String> {
    let letters = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = tag.split('-').peekable();
    let language = parts.next_if(|part| (2..=3).contains(&part.len()) && letters(part))?;
    let script = parts.next_if(|part| part.len() == 4 && letters(part));
    let region = parts.next_if(|part| (part.len() == 2 && letters(part)) || (part.len() == 3 && digits(part)));
    Some([Some(language), script, region].into_iter().flatten().collect::<Vec<_>>().join("-"))
}
