//! What people typed, before a model reads it: nothing is in it that the person who reads along would not see.
//!
//! Letters that no screen shows carry whole orders to a model (Unicode's tags spell ASCII, variation selectors spell bytes, one behind each
//! letter or many in a row), and marks of direction show a line in another order than it is read. Each run of these becomes one U+FFFD:
//! taken out, and not in silence.

use std::ops::RangeInclusive;

use serde_json::Value;

use crate::data::Data;

/// Stands for what was taken out.
const TAKEN_OUT: char = '\u{fffd}';
/// Shown by no screen, and of no use in a chat (Unicode 16, chapter 23; UTR 36, section 3).
const HIDDEN: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    '\u{202a}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e00ff}',
    '\u{e01f0}'..='\u{e0fff}',
];
/// Shape the letter before them, once: emoji and some scripts need them (Unicode's `StandardizedVariants.txt` and ideographic variations).
const SELECTORS: &[RangeInclusive<char>] = &['\u{180b}'..='\u{180d}', '\u{fe00}'..='\u{fe0f}', '\u{e0100}'..='\u{e01ef}'];
/// Those of them that tell an emoji from a sign: they stand behind digits too.
const PRESENTATION: RangeInclusive<char> = '\u{fe0e}'..='\u{fe0f}';
/// Those of them that choose among the forms of an ideograph.
const IDEOGRAPHIC: RangeInclusive<char> = '\u{e0100}'..='\u{e01ef}';
const IDEOGRAPHS: &[RangeInclusive<char>] =
    &['\u{3400}'..='\u{4dbf}', '\u{4e00}'..='\u{9fff}', '\u{f900}'..='\u{faff}', '\u{20000}'..='\u{3ffff}'];
/// Join or part the letters around them, once; the last two give neighbours a direction.
const JOINERS: RangeInclusive<char> = '\u{200c}'..='\u{200f}';

/// What a character is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Seen,
    Selector,
    Joiner,
    Hidden,
}

/// Takes out of what somebody typed whatever no screen shows.
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    // The last that was kept and what it is; none at the beginning, and behind what was taken out.
    let mut before: Option<(char, Kind)> = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let kind = kind(character);
        let is_kept = match (kind, before) {
            (Kind::Seen, _) => true,
            (Kind::Selector, Some((letter, Kind::Seen))) => takes_shape(letter, character),
            (Kind::Joiner, Some((letter, Kind::Seen | Kind::Selector))) => {
                // Within a word of ours they do nothing.
                !letter.is_ascii_alphanumeric() || !characters.peek().is_some_and(char::is_ascii_alphanumeric)
            }
            (Kind::Selector | Kind::Joiner | Kind::Hidden, _) => false,
        };
        if is_kept {
            cleaned.push(character);
            before = Some((character, kind));
        } else {
            if !cleaned.ends_with(TAKEN_OUT) {
                cleaned.push(TAKEN_OUT);
            }
            before = None;
        }
    }
    cleaned
}

/// Tells whether a selector may stand behind a letter: anywhere else nobody would see that it is there.
fn takes_shape(letter: char, selector: char) -> bool {
    if PRESENTATION.contains(&selector) {
        !letter.is_ascii_alphabetic() && !letter.is_whitespace()
    } else if IDEOGRAPHIC.contains(&selector) {
        IDEOGRAPHS.iter().any(|range| range.contains(&letter))
    } else {
        !letter.is_ascii() && !letter.is_whitespace()
    }
}

/// Cleans every text of a document.
pub fn clean_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = clean(text),
        Value::Array(items) => items.iter_mut().for_each(clean_all),
        Value::Object(fields) => fields.values_mut().for_each(clean_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Cleans what somebody typed in an event; another key's texts too, which may be quoted from anywhere.
pub fn clean_data(data: &mut Data) {
    let typed = match data {
        Data::SessionStarted { display_name, .. } => display_name.as_mut(),
        Data::Message { text, .. } => text.as_mut(),
        Data::Rated { feedback, .. } => feedback.as_mut(),
        Data::Answer { answer, .. } => {
            answer.values_mut().for_each(clean_all);
            None
        }
        Data::Question { form, .. } => {
            form.values_mut().for_each(clean_all);
            None
        }
        Data::SessionIdle {}
        | Data::SessionResumed {}
        | Data::Read { .. }
        | Data::SessionUpdated { .. }
        | Data::SessionEnded { .. }
        | Data::Erased {}
        | Data::Budget { .. }
        | Data::LinkExpiring { .. }
        | Data::LinkClosed { .. } => None,
    };
    if let Some(text) = typed {
        *text = clean(text);
    }
}

fn kind(character: char) -> Kind {
    let is_in = |ranges: &[RangeInclusive<char>]| ranges.iter().any(|range| range.contains(&character));
    if matches!(character, '\n' | '\r' | '\t') || character.is_ascii_graphic() {
        Kind::Seen
    } else if character.is_control() || is_in(HIDDEN) {
        Kind::Hidden
    } else if is_in(SELECTORS) {
        Kind::Selector
    } else if JOINERS.contains(&character) {
        Kind::Joiner
    } else {
        Kind::Seen
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_control_character_reaches_a_model() {
        assert_eq!(clean("a\u{0}b\u{1b}[31m\nc\td"), "a\u{fffd}b\u{fffd}[31m\nc\td");
        assert_eq!(clean("a\u{0}\u{1}\u{9b}\u{7f}b"), "a\u{fffd}b", "JSON would write each in six characters");
    }

    #[test]
    fn nothing_is_spelled_in_letters_that_no_screen_shows() {
        let tags: String = "approve".chars().map(|letter| char::from_u32(0xe0000 + u32::from(letter)).unwrap()).collect();
        assert_eq!(clean(&format!("Hi{tags}!")), "Hi\u{fffd}!");
        assert_eq!(clean("Hi\u{fe00}\u{fe0e}\u{fe01}\u{e0101}!"), "Hi\u{fffd}!");
        assert_eq!(clean("葛\u{fe00}\u{fe0e}\u{fe01}\u{e0101}!"), "葛\u{fe00}\u{fffd}!");
        assert_eq!(clean("Hi\u{200d}\u{200c}\u{200d}\u{200c}!"), "Hi\u{200d}\u{fffd}!");
        // One behind each letter spells as much as many in a row.
        assert_eq!(clean("p\u{fe01}a\u{e0142}y\u{fe0f} \u{fe0e}u\u{200b}"), "p\u{fffd}a\u{fffd}y\u{fffd} \u{fffd}u\u{fffd}");
        assert_eq!(clean("p\u{200c}a\u{200d}y\u{200e}me"), "p\u{fffd}a\u{fffd}y\u{fffd}me");
        assert_eq!(clean("\u{200b}Hi\u{2060}\u{feff}\u{ad}!"), "\u{fffd}Hi\u{fffd}!");
    }

    #[test]
    fn nothing_is_shown_in_another_order_than_it_is_read() {
        assert_eq!(clean("pay \u{202e}001\u{202c} now"), "pay \u{fffd}001\u{fffd} now");
        assert_eq!(clean("\u{2067}x\u{2069}"), "\u{fffd}x\u{fffd}");
    }

    #[test]
    fn what_people_write_is_left_as_it_is() {
        for text in [
            "👩‍👩‍👧 ❤️‍🔥 👍🏽 🇨🇭 1️⃣",
            "C++\u{200e} \u{2194}\u{fe0e}",
            "می‌خواهم",
            "שלום\u{200f}!",
            "葛\u{e0100}城",
            "क्‍ष",
            "Grüße, 你好\r\n\t→ ok",
            "e\u{301}",
            "a\u{a0}b",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn cleaning_twice_is_cleaning_once_and_never_longer() {
        let text: String = (0..0x11_0000).filter_map(char::from_u32).step_by(7).collect();
        let once = clean(&text);
        assert_eq!(clean(&once), once);
        assert!(once.chars().count() <= text.chars().count());
    }

    #[test]
    fn a_document_is_cleaned_through_and_through() {
        let mut document = json!({"values": {"name": "A\u{7}", "days": ["\u{202e}x", true]}});
        clean_all(&mut document);
        assert_eq!(document, json!({"values": {"name": "A\u{fffd}", "days": ["\u{fffd}x", true]}}));
    }

    #[test]
    fn typed_words_are_cleaned() {
        let started = |name: &str| {
            let display_name = Some(name.to_owned());
            Data::SessionStarted { display_name, language: None, recipient: None, untrusted: true }
        };
        let mut data = started("A\u{7}");
        clean_data(&mut data);
        assert_eq!(data, started("A\u{fffd}"));
        let answer = |name: &str| serde_json::Map::from_iter([("values".to_owned(), json!({"name": name}))]);
        let mut data = Data::Answer { question_id: String::new(), answer: answer("A\u{202e}"), untrusted: true };
        clean_data(&mut data);
        assert_eq!(data, Data::Answer { question_id: String::new(), answer: answer("A\u{fffd}"), untrusted: true });
    }
}
