//! Maps every rejection and error of the rules, the log and the queries to its public code.

use std::time::Duration;

use command_service::Refusal;
use domain::{Timestamp, agent, link, session};
use events::Moment;
use nats::{CursorError, OpenError};
use query_service::EventsError;

use super::{Code, Problem};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Agent(rejection) => of_agent(&rejection),
            Refusal::Link(rejection) => of_link(&rejection),
            Refusal::Session(rejection) => of_session(&rejection),
            Refusal::IdReused => Code::IdReused.into(),
            Refusal::KeyInvalid => Code::KeyInvalid.into(),
            Refusal::KeyExpired { at } => Self::with_detail(Code::KeyExpired, format!("The API key expired at {}.", Moment(at))),
            Refusal::ClientIdUsed => Code::ClientIdUsed.into(),
            Refusal::TooManyReturns { limit } => Self::with_detail(
                Code::LinkUsedUp,
                format!("This client has had {limit} sessions on this link, which is all it may have."),
            ),
            Refusal::AgentBudgetReached { .. } => Self::with_detail(Code::AgentBudgetReached, sentence(&refusal)),
            Refusal::AnswerInvalid(errors) => Self::of_fields(Code::AnswerInvalid, errors),
            Refusal::LogFull => Self::new(Code::LogFull).after(Duration::from_mins(1)),
            Refusal::Busy => Code::Busy.into(),
            Refusal::Unavailable(error) => {
                tracing::error!(%error, "the event log did not answer");
                Code::Unavailable.into()
            }
            Refusal::Unreadable(error) => error.into(),
            Refusal::Form(error) => {
                tracing::error!(error, "a stored form cannot be read");
                Code::Internal.into()
            }
            Refusal::Passcode(error) => {
                tracing::error!(error, "a passcode could not be processed");
                Code::Internal.into()
            }
        }
    }
}

impl From<query_service::Error> for Problem {
    fn from(error: query_service::Error) -> Self {
        use query_service::Error;

        let error_chain = chain(&error);
        match error {
            Error::Database(_) | Error::Log(_) => {
                tracing::error!(error = error_chain, "the rows could not be read");
                Code::Unavailable.into()
            }
            Error::Text { .. } | Error::Event { .. } | Error::Column { .. } => {
                tracing::error!(error = error_chain, "a row is not as it must be");
                Code::Internal.into()
            }
        }
    }
}

impl From<EventsError> for Problem {
    fn from(error: EventsError) -> Self {
        match error {
            EventsError::Reset => Code::CursorReset.into(),
            EventsError::Broken(error) => error.into(),
        }
    }
}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Self {
        match error {
            CursorError::Malformed => Code::CursorInvalid.into(),
            CursorError::OtherEpoch => Code::CursorReset.into(),
        }
    }
}

impl From<nats::Error> for Problem {
    fn from(error: nats::Error) -> Self {
        Refusal::Unavailable(error).into()
    }
}

impl From<OpenError> for Problem {
    fn from(error: OpenError) -> Self {
        tracing::error!(%error, "a text does not open though its key is there");
        Code::Internal.into()
    }
}

/// Writes an error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}

/// Says how long it is until `at`.
pub fn until(at: Timestamp) -> Duration {
    let wait = at - command_service::clock::now();
    Duration::from_millis(u64::try_from(wait.0).unwrap_or(0))
}

fn of_agent(rejection: &agent::Rejection) -> Problem {
    use agent::Rejection;

    let code = match rejection {
        Rejection::Unknown => Code::AgentUnknown,
        Rejection::AlreadyRegistered => Code::AgentExists,
        Rejection::NameLength { .. } => Code::NameLength,
        Rejection::KeyUnknown { .. } => Code::KeyUnknown,
        Rejection::KeyExists { .. } => Code::KeyExists,
        Rejection::TooManyKeys { .. } | Rejection::TooManySecrets { .. } => Code::KeyLimitReached,
        Rejection::NoScopes | Rejection::EndsInThePast | Rejection::OverlapOutOfRange { .. } => Code::SettingOutOfRange,
        Rejection::WebhookTooLong { .. } => Code::WebhookTooLong,
    };
    Problem::with_detail(code, sentence(rejection))
}

fn of_link(rejection: &link::Rejection) -> Problem {
    use link::Rejection;

    match rejection {
        // Nothing but the code: a made-up token always gets the same bytes.
        Rejection::Unknown => Code::LinkUnknown.into(),
        Rejection::AlreadyOpen => Code::LinkExists.into(),
        Rejection::Expired => Code::LinkExpired.into(),
        Rejection::Revoked => Code::LinkRevoked.into(),
        Rejection::Erased => Code::LinkErased.into(),
        Rejection::Paused => Code::LinkPaused.into(),
        Rejection::Full { .. } => Problem::with_detail(Code::LinkFull, sentence(rejection)),
        Rejection::UsedUp { .. } | Rejection::RecipientCame => Problem::with_detail(Code::LinkUsedUp, sentence(rejection)),
        Rejection::BudgetReached(_) => Problem::with_detail(Code::LinkBudgetReached, sentence(rejection)),
        // Nothing but the code: neither why nor for how long.
        Rejection::Blocked => Code::Blocked.into(),
        Rejection::TooManyStarts { retry_at } => {
            Problem::with_detail(Code::RateLimited, "Too many sessions started on this link within a minute.")
                .after(until(*retry_at))
        }
        Rejection::PasscodeRequired => Code::PasscodeRequired.into(),
        Rejection::PasscodeWrong => Code::PasscodeWrong.into(),
        Rejection::OutOfRange { setting, .. } => {
            // It begins with the setting's name, which is written as it is.
            let said = format!("{rejection}.");
            let told = Problem::field(*setting, "out_of_range", said.clone());
            Problem { code: Code::SettingOutOfRange, detail: said.into(), ..told }
        }
        Rejection::RecipientsChanged { .. } => Code::Busy.into(),
        Rejection::NotDue { until } => not_due(*until),
        Rejection::InUse => Code::LinkInUse.into(),
    }
}

fn of_session(rejection: &session::Rejection) -> Problem {
    use session::Rejection;

    match rejection {
        Rejection::Unknown => Code::SessionUnknown.into(),
        Rejection::AlreadyStarted => Code::SessionExists.into(),
        Rejection::TooLate { .. } => Code::PlaceExpired.into(),
        Rejection::Idle => Code::SessionIdle.into(),
        Rejection::Ended { reason } => {
            let reason = serde_json::to_value(reason).expect("a reason is a name");
            Problem::with_detail(Code::SessionEnded, format!("The session has ended: {}.", reason.as_str().unwrap_or_default()))
        }
        Rejection::Erased => Code::SessionErased.into(),
        Rejection::TextEmpty => Code::TextEmpty.into(),
        Rejection::TextTooLong { .. } => Problem::with_detail(Code::TextTooLong, sentence(rejection)),
        Rejection::MessageLimit { .. } | Rejection::TooManyPlannedEnds { .. } => {
            Problem::with_detail(Code::MessageLimitReached, sentence(rejection))
        }
        Rejection::BudgetReached(_) => Problem::with_detail(Code::LinkBudgetReached, sentence(rejection)),
        // The commands draw by themselves: it was drawn and spent by others again and again.
        Rejection::NeedsGrant { .. } => Code::Busy.into(),
        Rejection::TooManyReports { .. } => Problem::with_detail(Code::ReportLimitReached, sentence(rejection)),
        // Chatters get a challenge with it.
        Rejection::ProofRequired { free_at } => {
            Problem::with_detail(Code::ProofRequired, sentence(rejection)).after(until(*free_at))
        }
        Rejection::Abuse => Problem::with_detail(Code::SessionEnded, sentence(rejection)),
        Rejection::RateLimited { retry_at } | Rejection::ReadTooSoon { retry_at } => {
            Problem::with_detail(Code::RateLimited, sentence(rejection)).after(until(*retry_at))
        }
        Rejection::NothingToChoose => Problem::with_detail(Code::QuestionInvalid, sentence(rejection)),
        Rejection::ChoiceNotAllowed { .. } | Rejection::AnswerMismatch => {
            Problem::with_detail(Code::AnswerInvalid, sentence(rejection))
        }
        Rejection::FieldCount { .. } => Problem::with_detail(Code::FieldCount, sentence(rejection)),
        Rejection::QuestionExists => Code::QuestionExists.into(),
        Rejection::TooManyQuestions { .. } => Problem::with_detail(Code::QuestionLimitReached, sentence(rejection)),
        Rejection::QuestionUnknown { .. } => Problem::with_detail(Code::QuestionUnknown, sentence(rejection)),
        Rejection::QuestionClosed => Code::QuestionClosed.into(),
        Rejection::TimeOutOfRange { .. } => Problem::with_detail(Code::SettingOutOfRange, sentence(rejection)),
        Rejection::RatingOutOfRange { .. } => Problem::with_detail(Code::RatingInvalid, sentence(rejection)),
        Rejection::AlreadyRated => Code::AlreadyRated.into(),
        Rejection::Unread { .. } => Problem::with_detail(Code::Held, sentence(rejection)),
        Rejection::NotDue { until } => not_due(*until),
        Rejection::StillOpen => Code::SessionOpen.into(),
        Rejection::TooManyHandoffs { .. } | Rejection::TooManyDevices { .. } => {
            Problem::with_detail(Code::HandoffLimitReached, sentence(rejection))
        }
        // Nothing but the code: all that is wrong is told in the same words.
        Rejection::HandoffUnknown => Code::HandoffUnknown.into(),
    }
}

fn not_due(until: Timestamp) -> Problem {
    Problem::with_detail(Code::NotDue, format!("This is not due before {}.", Moment(until)))
}

/// Makes a sentence of what a rule says.
fn sentence(rejection: &impl std::fmt::Display) -> String {
    let said = rejection.to_string();
    let mut characters = said.chars();
    characters.next().map_or_else(String::new, |first| format!("{}{}.", first.to_uppercase(), characters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_actual_value_is_told() {
        let refusal = Refusal::Session(session::Rejection::TextTooLong { characters: 4_001, limit: 4_000 });
        let problem = Problem::from(refusal);
        assert_eq!(problem.code, Code::TextTooLong);
        assert_eq!(
            problem.tool_text(),
            "text_too_long: A text has at most 4000 characters, this one has 4001. Shorten it or send it in parts."
        );
    }

    #[test]
    fn a_setting_out_of_range_names_the_setting() {
        let refusal = Refusal::Link(link::Rejection::OutOfRange { setting: "title", given: 0, least: 1, most: 200 });
        let problem = Problem::from(refusal);
        assert_eq!(problem.code, Code::SettingOutOfRange);
        assert_eq!(problem.errors.first().map(|error| error.key.as_str()), Some("title"));
    }

    #[test]
    fn every_limit_says_when_to_come_back() {
        let soon = command_service::clock::now() + domain::Millis::seconds(30);
        for refusal in [
            Refusal::Session(session::Rejection::RateLimited { retry_at: soon }),
            Refusal::Session(session::Rejection::ReadTooSoon { retry_at: soon }),
            Refusal::Link(link::Rejection::TooManyStarts { retry_at: soon }),
        ] {
            let seconds = Problem::from(refusal).retry_after_seconds().unwrap_or_default();
            assert!((29..=30).contains(&seconds), "{seconds}");
        }
        assert_eq!(Problem::from(Refusal::LogFull).retry_after_seconds(), Some(60));
        assert_eq!(Problem::from(Refusal::Busy).retry_after_seconds(), Some(1));
        assert_eq!(Problem::from(Refusal::IdReused).retry_after_seconds(), None);
    }

    #[test]
    fn a_link_that_nobody_knows_always_gets_the_same_words() {
        let told = serde_json::to_string(&Problem::from(Refusal::Link(link::Rejection::Unknown)).body()).expect("JSON");
        let made_up = serde_json::to_string(&Problem::from(Code::LinkUnknown).body()).expect("JSON");
        assert_eq!(told, made_up);
    }

    #[test]
    fn an_ended_session_says_why_it_ended() {
        let refusal = Refusal::Session(session::Rejection::Ended { reason: session::EndReason::LinkExpired });
        assert_eq!(Problem::from(refusal).detail, "The session has ended: link_expired.");
    }
}
