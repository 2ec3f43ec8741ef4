//! What a command gives, within its limits.

use super::Rejection;
use crate::{Millis, Policy, Sealed};

pub(super) fn within_fields(fields: u8, policy: &Policy) -> Result<(), Rejection> {
    if fields == 0 || fields > policy.question_fields {
        return Err(Rejection::FieldCount { fields, limit: policy.question_fields });
    }
    Ok(())
}

pub(super) fn within_length(text: &Sealed, limit: u32) -> Result<(), Rejection> {
    match text.characters {
        0 => Err(Rejection::TextEmpty),
        characters if characters > limit => Err(Rejection::TextTooLong { characters, limit }),
        _ => Ok(()),
    }
}

/// Holds while a length of time is within its limits.
pub(super) fn within_time(given: Millis, least: Millis, most: Millis) -> Result<(), Rejection> {
    if given < least || given > most {
        return Err(Rejection::TimeOutOfRange { given, least, most });
    }
    Ok(())
}
