//! Half of a surrogate pair, which is left where a text was cut within an emoji: JSON may hold it (RFC 8259, section 8.2), a text of ours cannot.

use std::borrow::Cow;

/// What stands for what cannot be written.
const REPLACEMENT: &[u8] = b"FFFD";

/// Replaces each escaped half of a surrogate pair by U+FFFD, and leaves all else as it is.
pub fn without_halves(body: &[u8]) -> Cow<'_, [u8]> {
    let halves = halves(body);
    if halves.is_empty() {
        return body.into();
    }
    let mut mended = body.to_vec();
    for at in halves {
        if let Some(digits) = mended.get_mut(at..at + REPLACEMENT.len()) {
            digits.copy_from_slice(REPLACEMENT);
        }
    }
    mended.into()
}

/// Finds where the digits of halves stand.
fn halves(body: &[u8]) -> Vec<usize> {
    let mut halves = Vec::new();
    // Where the digits of the high half before stand, and where its low half would begin.
    let mut high: Option<(usize, usize)> = None;
    let mut at = 0;
    while let Some(found) = body.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        let escape = at + found;
        let unit = body.get(escape + 1..).and_then(unit);
        at = escape + if unit.is_some() { 6 } else { 2 };
        match unit {
            Some(0xD800..=0xDBFF) => halves.extend(high.replace((escape + 2, at)).map(|(digits, _)| digits)),
            Some(0xDC00..=0xDFFF) => match high.take() {
                Some((_, low)) if low == escape => {}
                before => halves.extend(before.map(|(digits, _)| digits).into_iter().chain([escape + 2])),
            },
            Some(_) | None => halves.extend(high.take().map(|(digits, _)| digits)),
        }
    }
    halves.extend(high.map(|(digits, _)| digits));
    halves
}

/// Reads what is behind a backslash as a unit of UTF-16, if it is one.
fn unit(escaped: &[u8]) -> Option<u16> {
    let digits = escaped.strip_prefix(b"u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str) -> String {
        String::from_utf8(without_halves(text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn halves_are_replaced_and_pairs_stay() {
        for (text, expected) in [
            (r#"{"a": "a\ud83d"}"#, r#"{"a": "a\uFFFD"}"#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\uFFFD\uFFFD""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\uFFFD\ud83d\ude00""#),
            (r#""\ud83dx\ude00""#, r#""\uFFFDx\uFFFD""#),
            (r#""\ud83d\n\ude00""#, r#""\uFFFD\n\uFFFD""#),
            // A backslash that is written itself begins nothing.
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\uFFFD""#),
            (r#""\u00e4 \ud83""#, r#""\u00e4 \ud83""#),
            (r#""\"#, r#""\"#),
        ] {
            assert_eq!(mended(text), expected);
        }
    }
}
