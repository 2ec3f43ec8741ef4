//! What a session spends, and its budgets: its own, and what its link has granted it.

use super::{Author, Command, Event, EventPosition, Rejection, Session, Settings, Verdict, Words};
use crate::budget::{Amounts, Measure, Span, Spending, Tally};
use crate::{Policy, Sealed, Timestamp};

/// What a commit takes in the log beside its texts, in bytes (measured: 400 to 700).
const COMMIT: u64 = 512;

/// What a command is held to beside the session's own rules.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bounds<'a> {
    /// What the link has granted.
    granted: Option<&'a Tally>,
    /// How far the key has read that gives the command.
    read: Option<EventPosition>,
}

impl Session {
    /// Decides a command within the budgets, and within what the agent's key has read; a command that is not told what the link has granted
    /// is held to the session's own budget alone.
    pub(super) fn decide_within(
        &self,
        command: &Command,
        bounds: Bounds<'_>,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        if let Command::Spend { granted, command } = command {
            let granted = Some(bounds.granted.unwrap_or(granted));
            return self.decide_within(command, Bounds { granted, ..bounds }, now, policy);
        }
        if let Command::IfRead { read, command } = command {
            let read = Some(bounds.read.map_or(*read, |outer| outer.min(*read)));
            return self.decide_within(command, Bounds { read, ..bounds }, now, policy);
        }
        let decided = self.decide(command, now, policy);
        let (Some(settings), Some(cost)) = (&self.settings, spent_by(command)) else {
            return self.unless_unread(bounds.read, decided?);
        };
        // Checked before `Idle` is returned too, so that no admission is reserved for a command that is rejected anyway.
        if !matches!(decided, Ok(_) | Err(Rejection::Idle)) {
            return decided;
        }
        let told = self.spend(settings, cost, bounds, now, policy)?;
        // The last event of a commit is what its command asked for.
        decided.map(|events| told.into_iter().chain(events).collect())
    }

    /// Returns the shares of budgets that are reached when `cost` is spent, if it may be.
    fn spend(
        &self,
        settings: &Settings,
        cost: Amounts,
        bounds: Bounds<'_>,
        now: Timestamp,
        policy: &Policy,
    ) -> Result<Vec<Event>, Rejection> {
        let own = Spending { of: Span::Session, used: self.spent.all, cost };
        let day = Spending { of: Span::SessionDay, used: self.spent.on(now), cost };
        let limit = |what| settings.budget.get(what);
        let bytes = |what| (what == Measure::Bytes).then_some(policy.session_bytes_a_day);
        own.within(limit).and_then(|()| day.within(bytes)).map_err(Rejection::BudgetReached)?;
        // Before more is asked of the link: what is held writes nothing.
        self.has_read(bounds.read)?;
        if let Some(granted) = bounds.granted {
            let is_granted = own.is_within(granted.all) && day.is_within(granted.on(now));
            if !is_granted {
                return Err(Rejection::NeedsGrant { spent: self.spent, cost });
            }
        }
        let reached = own.reaches(limit).into_iter().chain(day.reaches(bytes));
        Ok(reached.map(|(reached, at_percent)| Event::BudgetReached { reached, at_percent }).collect())
    }
}

/// Returns what a command spends that budgets hold for. The others are bounded by their number: read marks by the entries, closings by the questions,
/// offers, devices, ratings, reports and planned ends by limits of their own.
fn spent_by(command: &Command) -> Option<Amounts> {
    match command {
        Command::Post { from, text, client_message_id, .. } => Some(message(*from, text, client_message_id.as_ref())),
        Command::Ask { from, form, wish, .. } => {
            Some(asked(*from, form, [wish.if_silent.as_ref(), wish.decision.as_ref().map(|decision| &decision.if_timed_out)]))
        }
        Command::Answer { values, .. } => Some(answer(values)),
        Command::Decide { words, document, .. } => Some(decided(*words, document)),
        Command::Start(_)
        | Command::Withdraw { .. }
        | Command::TimeOutQuestions
        | Command::PlanEnd { .. }
        | Command::EndAsPlanned
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
        | Command::Expire
        | Command::Erase { .. } => None,
    }
}

/// Returns what an event has spent.
pub(super) fn cost(event: &Event) -> Amounts {
    match event {
        Event::MessagePosted { from, text, client_message_id, .. } => message(*from, text, client_message_id.as_ref()),
        Event::QuestionAsked { from, form, terms, .. } => {
            asked(*from, form, [terms.if_silent.as_ref(), terms.decision.as_ref().map(|decision| &decision.if_timed_out)])
        }
        Event::QuestionAnswered { values, .. } => answer(values),
        // What silence takes was paid when it was asked, as its closing was.
        Event::DecisionMade { verdict, words, document, .. } => {
            if *verdict == Verdict::TimedOut {
                Amounts::default()
            } else {
                decided(*words, document)
            }
        }
        // A question is closed once, and what that takes was paid when it was asked.
        Event::QuestionClosed { reason, .. } => Amounts::bytes(reason.as_ref().map_or(0, size)),
        Event::EndPlanned { farewell, .. } => Amounts::bytes(COMMIT + farewell.as_ref().map_or(0, size)),
        Event::Started { display_name: text, .. } | Event::Rated { feedback: text, .. } => {
            Amounts::bytes(COMMIT + text.as_ref().map_or(0, size))
        }
        Event::Reported { reason } => Amounts::bytes(COMMIT + size(reason)),
        Event::MarkedRead { .. }
        | Event::WentIdle
        | Event::Resumed
        | Event::Rescheduled { .. }
        | Event::HandoffOffered { .. }
        | Event::HandoffMissed
        | Event::DeviceAdded { .. }
        | Event::DeviceForgotten { .. }
        | Event::BudgetSet { .. }
        | Event::Flooded { .. }
        | Event::Ended { .. }
        | Event::Erased => Amounts::bytes(COMMIT),
        // They come in the commit of what brought them about.
        Event::BudgetReached { .. } | Event::EndCalledOff { .. } | Event::AbuseNoticed { .. } => Amounts::default(),
    }
}

fn message(from: Author, text: &Sealed, client_message_id: Option<&Sealed>) -> Amounts {
    let bytes = COMMIT + size(text) + client_message_id.map_or(0, size);
    match from {
        Author::Chatter => Amounts { messages: 1, characters: u64::from(text.characters), turns: 0, bytes },
        Author::Agent(_) => Amounts { turns: 1, ..Amounts::bytes(bytes) },
        Author::System => Amounts::bytes(bytes),
    }
}

/// What a question takes: its closing too, with what silence means.
fn asked(from: Author, form: &Sealed, if_silent: [Option<&Sealed>; 2]) -> Amounts {
    let question = message(from, form, None);
    let silence: u64 = if_silent.into_iter().flatten().map(size).sum();
    Amounts { bytes: question.bytes + COMMIT + 2 * silence, ..question }
}

fn answer(values: &Sealed) -> Amounts {
    Amounts { characters: u64::from(values.characters), ..Amounts::bytes(COMMIT + size(values)) }
}

fn decided(words: Option<Words>, document: &Sealed) -> Amounts {
    let characters = words.map_or(0, |words| u64::from(words.characters));
    Amounts { characters, ..Amounts::bytes(COMMIT + size(document)) }
}

fn size(text: &Sealed) -> u64 {
    text.bytes.len() as u64
}
