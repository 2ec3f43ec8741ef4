//! What a character is to those who look at a screen.

use std::ops::RangeInclusive;

use unicode_normalization::char::is_combining_mark;

/// Shown by no screen, and of no use in a chat (Unicode 16, chapter 23; UTR 36, section 3).
const HIDDEN: &[RangeInclusive<char>] = &[
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180e}'..='\u{180e}',
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
/// Parts words where blanks do not (UAX 14, class ZW).
const WORD_BREAK: char = '\u{200b}';
/// Thai, Lao, Burmese and its extensions, Khmer, New Tai Lue, Tai Tham and their like: scripts that write no blank between words (UAX 14,
/// class SA).
const UNSPACED: &[RangeInclusive<char>] = &[
    '\u{e00}'..='\u{eff}',
    '\u{1000}'..='\u{109f}',
    '\u{1780}'..='\u{17ff}',
    '\u{1950}'..='\u{19ff}',
    '\u{1a20}'..='\u{1aaf}',
    '\u{a9e0}'..='\u{a9ff}',
    '\u{aa60}'..='\u{aadf}',
];
/// Looks like nothing, though it has a width: braille without a dot.
const EMPTY_CELL: char = '\u{2800}';
/// What a letter of ASCII is moved by to become a tag.
const TAGS: u32 = 0xe_0000;
/// The flags that are spelled in tags (Unicode's `emoji-sequences.txt`, tag sequences), behind a black flag.
const FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];

/// What a character is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A screen shows it, or the room that it takes.
    Seen,
    /// Stands over or under the letter before it.
    Mark,
    /// Shapes the letter before it.
    Selector,
    /// Joins or parts its neighbours.
    Joiner,
    /// Parts words, in some scripts.
    WordBreak,
    /// Is of no use in a chat.
    Hidden,
}

/// Tells what a character is.
pub(crate) fn kind(character: char) -> Kind {
    if matches!(character, '\n' | '\r' | '\t') || character.is_ascii_graphic() {
        Kind::Seen
    } else if character.is_control() || is_in(HIDDEN, character) {
        Kind::Hidden
    } else if is_in(SELECTORS, character) {
        Kind::Selector
    } else if JOINERS.contains(&character) {
        Kind::Joiner
    } else if character == WORD_BREAK {
        Kind::WordBreak
    } else if is_combining_mark(character) {
        Kind::Mark
    } else {
        Kind::Seen
    }
}

/// Tells whether a letter is of a script that writes no blanks between words.
pub(crate) fn is_unspaced(letter: char) -> bool {
    is_in(UNSPACED, letter)
}

/// Tells whether a character leaves the place where it stands empty.
pub(crate) fn is_empty(character: char) -> bool {
    character.is_whitespace() || character == EMPTY_CELL || !matches!(kind(character), Kind::Seen | Kind::Mark)
}

/// Returns the characters behind a black flag that make another flag of it.
pub(crate) fn flag(behind: &str) -> Option<&str> {
    FLAGS.iter().find_map(|region| {
        let tags = region.chars().chain(['\u{7f}']).map(|letter| char::from_u32(TAGS + u32::from(letter)));
        let tags: String = tags.collect::<Option<_>>()?;
        behind.starts_with(&tags).then(|| &behind[..tags.len()])
    })
}

/// Tells whether a selector may stand behind a letter: anywhere else nobody would see that it is there.
pub(crate) fn takes_shape(letter: char, selector: char) -> bool {
    if PRESENTATION.contains(&selector) {
        !letter.is_ascii_alphabetic() && !letter.is_whitespace()
    } else if IDEOGRAPHIC.contains(&selector) {
        is_in(IDEOGRAPHS, letter)
    } else {
        !letter.is_ascii() && !letter.is_whitespace()
    }
}

fn is_in(ranges: &[RangeInclusive<char>], character: char) -> bool {
    ranges.iter().any(|range| range.contains(&character))
}
