//! The life of a question: asked, answered in parts, complete, then closed exactly once: by its answer, by its successor, by withdrawal, by its
//! deadline or by the session's end.

use super::deciding::untaken;
use super::within::{within_fields, within_length, within_time};
use super::{Author, Choice, Closing, Event, Question, Rejection, Session, Settings, Terms, Wish};
use crate::{Policy, QuestionId, Sealed, Timestamp};

/// Closes a question for a reason that needs no more words.
fn close(question: QuestionId, why: Closing) -> Event {
    Event::QuestionClosed { question, why, replaced_by: None, values: None, reason: None }
}

impl Session {
    /// Walks the questions that are not closed, each with its id; there are about as many as may be open at once.
    fn open(&self) -> impl Iterator<Item = (QuestionId, &Question)> {
        self.open_questions.iter().filter_map(|id| self.questions.get(id).map(|question| (*id, question)))
    }

    /// Decides what comes of asking.
    pub(super) fn ask(
        &self,
        (question, from): (QuestionId, Author),
        (form, fields, required): (&Sealed, u8, u8),
        wish: &Wish,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        match &wish.decision {
            Some(decision) if decision.allow.is_empty() => return Err(Rejection::NothingToChoose),
            Some(_) => {}
            None => within_fields(fields, policy)?,
        }
        if self.questions.contains_key(&question) {
            return Err(Rejection::QuestionExists);
        }
        if let Some(given) = wish.answer_within {
            within_time(given, policy.shortest_answer_time, policy.longest_answer_time)?;
        }
        if let Some(replaced) = wish.replaces {
            self.may_close(replaced)?;
        }
        let open = self.open().filter(|(id, question)| wish.replaces != Some(*id) && !question.is_complete()).count();
        if open >= policy.open_questions {
            return Err(Rejection::TooManyQuestions { limit: policy.open_questions });
        }
        let answer_by = wish.answer_within.map(|within| now + within);
        let if_silent = wish.if_silent.clone().filter(|_| answer_by.is_some());
        let terms = Terms { is_final: wish.is_final, answer_by, if_silent, decision: wish.decision.clone() };
        let mut events = self.closed_by_word(from, wish.replaces);
        events.extend(wish.replaces.map(|replaced| Event::QuestionClosed {
            question: replaced,
            why: Closing::Replaced,
            replaced_by: Some(question),
            values: None,
            reason: None,
        }));
        events.push(Event::QuestionAsked { question, from, form: form.clone(), fields, required, terms });
        Ok(events)
    }

    /// Closes what the agent has acted on by saying its next word, but for a question that this word closes itself.
    pub(super) fn closed_by_word(&self, from: Author, but: Option<QuestionId>) -> Vec<Event> {
        match from {
            Author::Agent(_) => {
                let complete = self.open().filter(|(id, question)| but != Some(*id) && question.is_complete());
                complete.map(|(id, _)| close(id, Closing::Answered)).collect()
            }
            Author::Chatter | Author::System => vec![],
        }
    }

    /// Decides what comes of an answer that may be given.
    pub(super) fn answered(
        &self,
        question: QuestionId,
        known: &Question,
        values: &Sealed,
        (answered, withdrawn): (u8, u8),
    ) -> Vec<Event> {
        let missing = known.missing(known.answered_after(answered, withdrawn));
        let mut events = self.called_off(Author::Chatter);
        events.push(Event::QuestionAnswered { question, values: values.clone(), answered, withdrawn, missing });
        if known.terms.is_final && missing == 0 {
            events.push(close(question, Closing::Answered));
        }
        events
    }

    /// Passes while a question takes such an answer: values or, of a decision, a choice.
    pub(super) fn may_answer(
        &self,
        settings: &Settings,
        (question, choice): (QuestionId, Option<Choice>),
        now: Timestamp,
        policy: &Policy,
    ) -> Result<&Question, Rejection> {
        match (self.live(settings, now), self.questions.get(&question)) {
            (Err(refusal), _) if refusal != Rejection::Idle => Err(refusal),
            // Slowed and priced are messages only: how many answers there can be is for the agent to say, who asks.
            _ if self.suspicion.is_closed() => Err(Rejection::Abuse),
            // Checked before `Idle` is returned, so that no admission is reserved for a command that is rejected anyway.
            (_, None) => Err(Rejection::QuestionUnknown { question }),
            (_, Some(known)) if !known.is_open(now) || known.answers >= policy.answers_per_question => {
                Err(Rejection::QuestionClosed)
            }
            (live, Some(known)) => known.takes(choice).and(live).map(|()| known),
        }
    }

    /// Takes a question back; again changes nothing.
    pub(super) fn withdraw(
        &self,
        settings: &Settings,
        question: QuestionId,
        reason: Option<&Sealed>,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        self.goes_on(settings, now)?;
        if self.questions.get(&question).is_some_and(|known| known.closed == Some(Closing::Withdrawn)) {
            return Ok(vec![]);
        }
        self.may_close(question)?;
        if let Some(reason) = reason {
            within_length(reason, policy.withdrawal_characters)?;
        }
        let (why, reason) = (Closing::Withdrawn, reason.cloned());
        Ok(vec![Event::QuestionClosed { question, why, replaced_by: None, values: None, reason }])
    }

    fn may_close(&self, question: QuestionId) -> Result<(), Rejection> {
        match self.questions.get(&question) {
            None => Err(Rejection::QuestionUnknown { question }),
            Some(known) if known.closed.is_some() => Err(Rejection::QuestionClosed),
            Some(_) => Ok(()),
        }
    }

    /// Closes all questions whose time is up.
    pub(super) fn time_out(&self, now: Timestamp) -> Result<Vec<Event>, Rejection> {
        let overdue: Vec<_> = self.open().filter(|(_, question)| question.is_overdue(now)).flat_map(timed_out).collect();
        match self.next_deadline() {
            Some(until) if overdue.is_empty() => Err(Rejection::NotDue { until }),
            Some(_) | None => Ok(overdue),
        }
    }

    /// Tells when the next question times out.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.open().filter_map(|(_, question)| question.terms.answer_by).min()
    }

    /// Closes all questions because the session ends; one whose time was up before has timed out, even if its timer was late.
    pub(super) fn closed_by_end(&self, settings: &Settings, now: Timestamp) -> Vec<Event> {
        let end = now.min(settings.expires_at);
        let closed = |(id, question): (QuestionId, &Question)| {
            if question.is_overdue(end) { timed_out((id, question)) } else { vec![close(id, Closing::SessionEnded)] }
        };
        self.open().flat_map(closed).collect()
    }

    pub(super) fn note_asked(&mut self, id: QuestionId, question: Question) {
        self.open_questions.insert(id);
        self.questions.insert(id, question);
    }

    pub(super) fn note_answered(&mut self, id: QuestionId, answered: u8, withdrawn: u8) {
        if let Some(question) = self.questions.get_mut(&id) {
            question.answered = question.answered_after(answered, withdrawn);
            question.answers = question.answers.saturating_add(1);
        }
    }

    /// Notes that a question is closed; the first reason stands.
    pub(super) fn note_closed(&mut self, id: QuestionId, why: Closing) {
        self.open_questions.remove(&id);
        if let Some(question) = self.questions.get_mut(&id) {
            question.closed.get_or_insert(why);
            question.form = None;
            question.terms.if_silent = None;
            question.terms.decision = None;
        }
    }

    /// Notes that the person has written something: silence means nothing any more.
    pub(super) fn note_word_of_person(&mut self) {
        let voided: Vec<_> = self.open().filter(|(_, question)| question.terms.if_silent.is_some()).map(|(id, _)| id).collect();
        for id in voided {
            if let Some(question) = self.questions.get_mut(&id) {
                question.terms.if_silent = None;
            }
        }
    }

    /// Closes complete questions when the agent writes, as commits meant it that did not say so yet.
    pub(super) fn note_word_of_agent(&mut self) {
        let complete: Vec<_> = self.open().filter(|(_, question)| question.is_complete()).map(|(id, _)| id).collect();
        for id in complete {
            self.note_closed(id, Closing::Answered);
        }
    }
}

/// What comes of a question whose time is up: of a decision that nobody has taken too.
fn timed_out((question, known): (QuestionId, &Question)) -> Vec<Event> {
    let values = known.terms.if_silent.clone();
    let closed = Event::QuestionClosed { question, why: Closing::TimedOut, replaced_by: None, values, reason: None };
    known.terms.decision.as_ref().map(|decision| untaken(question, decision)).into_iter().chain([closed]).collect()
}
