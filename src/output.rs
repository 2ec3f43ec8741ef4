//! Prints what a command results in. Whoever has closed the pipe, as `head` does, ends the command quietly.

use std::fmt::Display;
use std::io::{ErrorKind, Write, stderr, stdout};
use std::process::exit;

use serde_json::Value;

/// What a shell sees of a program that a closed pipe has ended (SIGPIPE): not 0, for what was not printed was not proven either.
const CLOSED_PIPE: i32 = 128 + 13;

/// Prints a result: as JSON for programs, or as plain text.
pub(crate) fn print(as_json: bool, value: &Value, plain: &str) {
    if as_json { line(value) } else { line(plain) }
}

/// Prints a line of a result.
#[allow(clippy::needless_pass_by_value, reason = "formatted arguments are made where they are printed")]
pub(crate) fn line(text: impl Display) {
    if let Err(error) = writeln!(stdout(), "{text}") {
        if error.kind() == ErrorKind::BrokenPipe {
            exit(CLOSED_PIPE);
        }
        note(format_args!("error: the result cannot be written: {error}"));
        exit(1);
    }
}

/// Tells people something beside the result; where nobody listens, nothing is lost.
#[allow(clippy::needless_pass_by_value, reason = "formatted arguments are made where they are told")]
pub(crate) fn note(text: impl Display) {
    let _nobody_listens = writeln!(stderr(), "{text}");
}
