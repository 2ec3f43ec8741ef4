//! JSON that is small to send and deep to read.

use serde_json::Value;

/// Nests an array, or an object that begins with `open`, `depth` times.
pub(crate) fn nested(open: &str, depth: usize) -> String {
    let (open, close) = if open.is_empty() { ("[", "]") } else { (open, "}") };
    format!("{}0{}", open.repeat(depth), close.repeat(depth))
}

/// Nests texts of JSON in one another under `key`, each below `arrays` arrays, until they are `length` bytes long. A reader that parses
/// such texts again, with a limit of depth that starts anew for each, goes as deep as all of them together.
pub(crate) fn bomb(key: &str, arrays: usize, length: usize) -> String {
    let mut bomb = nested("", arrays);
    loop {
        let text = Value::from(bomb.clone()).to_string();
        let next = format!("{}{{\"{key}\":{text}}}{}", "[".repeat(arrays), "]".repeat(arrays));
        if next.len() > length {
            return bomb;
        }
        bomb = next;
    }
}
