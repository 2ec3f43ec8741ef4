//! Typed questions and their answers, and decisions over a payload: what may be asked, whether an answer fits, and both as plain text. Pure.
//!
//! An agent gives [`Field`]s; [`Form::new`] checks them. A chatter gives values; [`Form::check`] makes typed [`Values`] of them, or says
//! for each field what is wrong. Bit `n` of a mask stands for field `n`: rules and rows count by masks, and need no word of a form.

mod answer;
mod check;
mod decision;
mod field;
mod form;
mod plain_text;
mod silence;

use serde::Serialize;

pub use answer::Answer;
pub use check::Values;
pub use decision::{Decision, Format, Outcome, salted};
pub use field::{Choice, Field, Kind, Limit};
pub use form::Form;

/// Fields of one form.
pub const MOST_FIELDS: usize = 8;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field's key; of a form that cannot be asked, the place in it: `fields[2].options`.
    pub key: String,
    /// A stable code.
    pub code: &'static str,
    /// What is wrong, as a sentence.
    pub detail: String,
}

impl FieldError {
    /// Says what is wrong with one field.
    pub fn new(key: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { key: key.into(), code, detail: detail.into() }
    }
}
