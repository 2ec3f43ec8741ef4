//! Prints what a command results in.

use serde_json::Value;

/// Prints a result: as JSON for programs, or as plain text.
pub(crate) fn print(as_json: bool, value: &Value, plain: &str) {
    if as_json {
        println!("{value}");
    } else {
        println!("{plain}");
    }
}
