//! Takes out what no screen shows.
//!
//! Letters that no screen shows carry whole orders to a model (Unicode's tags spell ASCII, variation selectors spell bytes, one behind each
//! letter or many in a row), marks of direction show a line in another order than it is read, and marks piled on one letter cover the lines
//! around it. Each run of these becomes one U+FFFD: taken out, and not in silence. What a language or an emoji needs stays.

use unicode_normalization::UnicodeNormalization as _;

use crate::characters::{Kind, flag, is_unspaced, kind, takes_shape};

/// Stands for what was taken out.
const TAKEN_OUT: char = '\u{fffd}';
/// Behind it, tags spell a flag.
const BLACK_FLAG: char = '\u{1f3f4}';
/// Marks on one letter at most: Tibetan, the highest of scripts, has eight.
const MOST_MARKS: usize = 10;

/// Takes out of what somebody typed whatever no screen shows, and writes each letter in one way (NFC, UAX 15).
pub fn clean(text: &str) -> String {
    let text: String = text.nfc().collect();
    let mut cleaned = String::with_capacity(text.len());
    // The last that was kept and what it is; none at the beginning, and behind what was taken out.
    let mut before: Option<(char, Kind)> = None;
    let mut marks = 0;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let kind = kind(character);
        marks = if kind == Kind::Mark { marks + 1 } else { 0 };
        let next = characters.clone().next();
        let is_kept = match (kind, before) {
            (Kind::Seen, _) => true,
            (Kind::Mark, _) => marks <= MOST_MARKS,
            (Kind::Selector, Some((letter, Kind::Seen | Kind::Mark))) => takes_shape(letter, character),
            (Kind::Joiner, Some((letter, Kind::Seen | Kind::Mark | Kind::Selector))) => {
                // Within a word of ours they do nothing.
                !letter.is_ascii_alphanumeric() || !next.is_some_and(|next| next.is_ascii_alphanumeric())
            }
            (Kind::WordBreak, Some((letter, Kind::Seen | Kind::Mark))) => is_unspaced(letter) && next.is_some_and(is_unspaced),
            (Kind::Selector | Kind::Joiner | Kind::WordBreak | Kind::Hidden, _) => false,
        };
        if is_kept {
            cleaned.push(character);
            before = Some((character, kind));
            if character == BLACK_FLAG
                && let Some(tags) = flag(characters.as_str())
            {
                cleaned.push_str(tags);
                characters = characters.as_str()[tags.len()..].chars();
            }
        } else {
            if !cleaned.ends_with(TAKEN_OUT) {
                cleaned.push(TAKEN_OUT);
            }
            before = None;
        }
    }
    cleaned
}

#[cfg(test)]
mod tests {
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
            "\u{e9}",
            "🏴󠁧󠁢󠁥󠁮󠁧󠁿 🏴󠁧󠁢󠁳󠁣󠁴󠁿!",
            "ខ្ញុំ\u{200b}ចង់\u{200b}ទិញ\u{200b}សំបុត្រ",
            "ภาษา\u{200b}ไทย",
            "ཧྐྵྨླྺྼྻྂ",
            "בְּרֵאשִׁ֖ית",
            "Tiếng Việt",
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
        // NFC parts a few letters that have no form of their own.
        assert!(once.chars().count() < text.chars().count() * 11 / 10);
    }

    #[test]
    fn a_letter_is_written_in_one_way() {
        assert_eq!(clean("e\u{301}"), clean("\u{e9}"));
        assert_eq!(clean("ga\u{323}\u{307}"), clean("ga\u{307}\u{323}"));
    }

    #[test]
    fn marks_are_not_piled_up_for_ever() {
        let pile = |height: usize| format!("a{}b", "\u{337}".repeat(height));
        assert_eq!(clean(&pile(10)), pile(10));
        assert_eq!(clean(&pile(4_000)), pile(10).replace('b', "\u{fffd}b"));
    }

    #[test]
    fn words_are_parted_where_a_script_needs_it_and_nowhere_else() {
        assert_eq!(clean("ไทย\u{200b}\u{200b}ไทย"), "ไทย\u{fffd}ไทย");
        assert_eq!(clean("ไทย\u{200b}approve\u{200b}d"), "ไทย\u{fffd}approve\u{fffd}d");
    }

    #[test]
    fn only_flags_are_spelled_in_tags() {
        let tags =
            |text: &str| text.chars().map(|letter| char::from_u32(0xe0000 + u32::from(letter)).unwrap()).collect::<String>();
        assert_eq!(clean(&format!("🏴{}\u{e007f}", tags("approve"))), "🏴\u{fffd}");
        assert_eq!(clean(&format!("🏴{}", tags("gbeng"))), "🏴\u{fffd}");
    }
}
