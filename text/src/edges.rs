//! The edges of a text, and whether there is anything between them.

use unicode_normalization::UnicodeNormalization as _;

use crate::characters::{Kind, is_empty, kind};

/// Takes away at both ends what nobody typed on purpose: blanks, line ends, and the marks of direction and breaks that come along with what
/// is copied from contacts, tables and chats.
pub fn trim(text: &str) -> &str {
    // A selector at the end belongs to the emoji before it.
    text.trim_matches(|character: char| character.is_whitespace() || is_invisible(character))
}

fn is_invisible(character: char) -> bool {
    match kind(character) {
        Kind::Joiner | Kind::WordBreak => true,
        // A tag at the end belongs to the flag before it.
        Kind::Hidden => !('\u{e0020}'..='\u{e007f}').contains(&character),
        Kind::Seen | Kind::Mark | Kind::Selector => false,
    }
}

/// Reads a secret word as it was meant: without what came along when it was copied, and each letter in one form (NFKC, UAX 15), since the
/// keyboards of Chinese and Japanese write digits and Latin letters in another width.
pub fn secret(text: &str) -> String {
    let one_form: String = text.nfkc().collect();
    trim(&one_form).to_owned()
}

/// Tells whether a text shows nothing at all.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_copied_along_falls_away_at_both_ends() {
        for text in
            ["\u{202a}+49 170 1234\u{202c}", "\u{200b}+49 170 1234", " +49 170 1234\n", "\u{feff}\u{200e}+49 170 1234\u{200f} "]
        {
            assert_eq!(trim(text), "+49 170 1234");
        }
        for text in ["❤\u{fe0f}", "👩‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "ខ្ញុំ\u{200b}ចង់", "e\u{301}"]
        {
            assert_eq!(trim(text), text);
        }
    }

    #[test]
    fn a_secret_is_the_same_however_it_is_typed_or_copied() {
        for (typed, meant) in [
            ("4711-ab \n", "4711-ab"),
            ("\u{feff} 4711-ab\u{200b}", "4711-ab"),
            ("４７１１－ａｂ", "4711-ab"),
            ("さくら２０２６", "さくら2026"),
            ("ｻｸﾗ", "サクラ"),
            ("cafe\u{301}", "caf\u{e9}"),
            ("plum jam", "plum jam"),
            ("plum\u{a0}jam", "plum jam"),
        ] {
            assert_eq!(secret(typed), meant, "{typed:?}");
        }
        assert_ne!(secret("Plum"), secret("plum"));
    }

    #[test]
    fn a_text_of_nothing_visible_is_none() {
        for text in [
            "",
            " \n\t",
            "\u{2800}",
            "\u{200b}\u{200b}",
            "\u{3164}",
            "\u{0}",
            "\u{fe0f}\u{200d}",
            "\u{ad}\u{2060}",
            "\u{a0}\u{3000}",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", ".", "👍", "\u{301}", "\u{2801}", "ไ"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
