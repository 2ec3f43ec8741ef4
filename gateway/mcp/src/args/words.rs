//! How names, values and ranges are told back to whoever wrote a wrong call.

use std::fmt::Write as _;

use serde_json::Value;
use text::clean;

/// How much of a wrong value is told back, in characters.
const TOLD: usize = 60;

/// Writes the least allowed number; never one that is too small.
pub(super) fn up(value: f64) -> f64 {
    (value * 1e4).ceil() / 1e4
}

/// Writes the most allowed number; never one that is too large.
pub(super) fn down(value: f64) -> f64 {
    (value * 1e4).floor() / 1e4
}

/// Writes a name as arguments are written: `linkId` as `link_id`.
pub(super) fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars().take(TOLD) {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(if letter == '-' || letter == ' ' { '_' } else { letter }.to_lowercase());
    }
    snake
}

/// Tells a name back, cut.
pub(super) fn shown(name: &str) -> String {
    clean(name).chars().take(TOLD).collect()
}

/// Tells a wrong value back, cut.
pub(super) fn told(value: &Value) -> String {
    let text = clean(&value.to_string());
    match text.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

pub(super) fn listed<'a>(names: impl Iterator<Item = &'a str>, between: &str) -> String {
    names.enumerate().fold(String::new(), |mut list, (index, name)| {
        let _ = write!(list, "{}{name}", if index == 0 { "" } else { between });
        list
    })
}
