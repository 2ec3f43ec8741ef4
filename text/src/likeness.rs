//! What two texts have in common that say the same, and the addresses of web pages in them.

use std::collections::BTreeSet;

use crate::clean;

/// Of so many characters one may be a digit of a counter; where there are more, the numbers are what is said.
const COUNTER: usize = 10;

/// Writes a long text so that others that say the same are written alike: without case, blanks and signs, and without digits where they are
/// few. None of a text with fewer letters than `least`.
pub fn likeness(text: &str, least: u32) -> Option<String> {
    let is_sign = |letter: &char| letter.is_whitespace() || letter.is_ascii_punctuation() || *letter == '\u{fffd}';
    let letters: String = clean(text).chars().filter(|letter| !is_sign(letter)).flat_map(char::to_lowercase).collect();
    let is_digit = |letter: &char| letter.is_numeric();
    let count = letters.chars().count();
    let digits = letters.chars().filter(is_digit).count();
    if count - digits < least as usize {
        return None;
    }
    Some(if digits * COUNTER <= count { letters.chars().filter(|letter| !is_digit(letter)).collect() } else { letters })
}

/// Counts the different addresses of web pages, up to 255: those that begin with a scheme or `www.`.
pub fn count_addresses(text: &str) -> u8 {
    let begins = text.match_indices("://").chain(text.match_indices("www."));
    let addresses: BTreeSet<&str> = begins
        .filter_map(|(at, mark)| {
            let rest = &text[at + mark.len()..];
            let end =
                rest.find(|letter: char| !letter.is_ascii_graphic() || "<>\"'()[]{}|,;".contains(letter)).unwrap_or(rest.len());
            let address = rest[..end].strip_prefix("www.").unwrap_or(&rest[..end]);
            Some(address.trim_end_matches(['.', '!', '?', ':', '/'])).filter(|address| address.contains('.'))
        })
        .take(usize::from(u8::MAX) * 2)
        .collect();
    u8::try_from(addresses.len()).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(text: &str) -> Option<String> {
        super::likeness(text, 24)
    }

    #[test]
    fn what_people_say_again_and_again_is_short() {
        for short in [
            "ok",
            "Yes",
            "?",
            "👍👍👍",
            "hello?",
            "are you there??",
            "好的，我知道了，谢谢你",
            "ありがとうございます",
            "ขอบคุณมากครับ",
            "12:30, 13:30, 14:30, 15:30, 16:30",
        ] {
            assert_eq!(likeness(short), None, "{short}");
        }
    }

    #[test]
    fn case_blanks_signs_and_a_counter_make_no_other_text() {
        let same = [
            "Buy my wonderful cheap watches now 1",
            "BUY my  wonderful\ncheap watches NOW!!! 27",
            "buy my wonderful cheap wat\u{ad}ches now",
        ];
        let all: BTreeSet<_> = same.into_iter().map(likeness).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all.iter().all(Option::is_some));
    }

    #[test]
    fn numbers_that_say_something_make_another_text() {
        let readings = ["Apartment 12, water meter, reading 12345", "Apartment 13, water meter, reading 88345"];
        assert_ne!(likeness(readings[0]), likeness(readings[1]));
        assert!(likeness(readings[0]).is_some());
    }

    #[test]
    fn different_addresses_are_counted_in_any_language() {
        assert_eq!(count_addresses("Nothing here. e.g. this, 3.50 or a://b"), 0);
        assert_eq!(count_addresses("See https://a.example/x, http://b.example and www.c.example."), 3);
        assert_eq!(count_addresses("看https://a.example。https://a.example/，还有http://www.b.example好的"), 2);
        assert_eq!(count_addresses("https://www.a.example www.a.example"), 1);
        let many = (0..400).map(|n| format!("http://{n}.example")).collect::<Vec<_>>().join(" ");
        assert_eq!(count_addresses(&many), 255);
    }
}
