//! Addresses in plain words: of pages, of mailboxes, of telephones. The page finds them in what chatters write by the same rules (`links.js`).

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// An address as it stands in a text, and where it leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it stands.
    pub(crate) at: Range<usize>,
    /// Where it leads.
    pub(crate) href: String,
}

/// What no address holds: blanks, quotes, and the letters and signs of languages that write no blank behind an address.
const NOT_IN_IT: &str = "\\s<>\"«»،؛؟۔։।॥\u{e00}-\u{eff}\u{1000}-\u{11ff}\u{1362}-\u{1368}\u{1780}-\u{17ff}\u{2000}-\u{206f}\u{2e80}-\u{a4cf}\
    \u{ac00}-\u{d7ff}\u{f900}-\u{faff}\u{fe10}-\u{fe4f}\u{ff00}-\u{ffef}\u{20000}-\u{3ffff}";
/// Letters of a host's name, those of Latin, Greek and Cyrillic.
const HOST: &str = "[a-z0-9\u{df}-\u{24f}\u{370}-\u{52f}-]+";
/// The last part of names that are said without a scheme. Few: what else has a dot in it is more often a file, or two sentences.
const KNOWN: &str = "(?:com|org|net|edu|gov|info|app|dev|eu|de|at|ch|fr|nl|es|pt|uk|jp|cn|kr|br|example)";

static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    let page = format!("(?i:https?://[^{NOT_IN_IT}]+|www\\.{HOST}\\.[^{NOT_IN_IT}]+)");
    let mailbox = format!("(?i:[a-z0-9._%+'-]+@{HOST}(?:\\.{HOST})+)");
    let host = format!("(?:{HOST}\\.)+{KNOWN}\\b(?::[0-9]+)?(?:[/?#][^{NOT_IN_IT}]*)?");
    // With a country's code; with a zero in front; as in North America.
    let telephone = "\\+[0-9](?:[-./ \u{a0}()]{0,3}[0-9]){7,14}|\\(?0[0-9](?:[-/ \u{a0}()]{0,3}[0-9]){6,13}|\
        (?:\\([2-9][0-9]{2}\\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}";
    let all = format!("(?P<page>{page})|(?P<mailbox>{mailbox})|(?P<host>{host})|(?P<telephone>{telephone})");
    Regex::new(&all).expect("the form of an address is well-formed")
});
/// A day, in the ways in which it could be taken for a number.
static DAY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^[0-9]{1,2}([-/ ])[0-9]{1,2}[-/ ][0-9]{4}").expect("it is well-formed"));

/// Finds the addresses in a text, in their order.
pub(crate) fn find(text: &str) -> Vec<Found> {
    let addresses = ADDRESS.captures_iter(text).filter_map(|found| {
        let (kind, found) = ["page", "mailbox", "host", "telephone"]
            .into_iter()
            .find_map(|kind| Some((kind, found.name(kind)?)))
            .expect("one of them was found");
        let before = text[..found.start()].chars().next_back();
        let behind = text[found.end()..].chars().next();
        let (address, start) = (found.as_str(), found.start());
        if before.is_some_and(|before| before.is_ascii_alphanumeric() || "@_-/.".contains(before) && kind != "page") {
            return None;
        }
        let (length, href) = match kind {
            "page" => {
                let address = without_end(address);
                let host =
                    address.split(['/', '?', '#']).find(|part| part.contains('.') || part.contains('@')).unwrap_or_default();
                // Whom it names before the host is there to look like one.
                if host.contains('@')
                    || !address.ends_with(|last: char| last != ':' && last != '/' || address.matches('/').count() > 2)
                {
                    return None;
                }
                let has_scheme = address.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"));
                (address.len(), if has_scheme { address.to_owned() } else { format!("https://{address}") })
            }
            "mailbox" => {
                let lead = address.len() - address.trim_start_matches(['.', '\'']).len();
                let address = without_end(&address[lead..]).trim_end_matches('-');
                return Some(Found { at: start + lead..start + lead + address.len(), href: format!("mailto:{address}") });
            }
            "host" => {
                let address = without_end(address);
                if behind.is_some_and(|behind| behind == '@' || behind == '(') {
                    return None;
                }
                (address.len(), format!("https://{address}"))
            }
            _ => {
                if behind.is_some_and(|behind| behind.is_ascii_alphanumeric()) || is_no_number(text, start, address) {
                    return None;
                }
                let digits = address.replace("(0)", "");
                let digits: String = digits.chars().filter(|letter| letter.is_ascii_digit() || *letter == '+').collect();
                (address.len(), format!("tel:{digits}"))
            }
        };
        Some(Found { at: start..start + length, href })
    });
    addresses.collect()
}

/// Tells whether digits are a day, a part of a longer row of digits, or a row without any sign of how one would dial it.
fn is_no_number(text: &str, start: usize, digits: &str) -> bool {
    let before = text[..start].trim_end_matches([' ', '\u{a0}']).chars().next_back();
    let has_form = digits.starts_with('+') || digits.chars().any(|letter| !letter.is_ascii_digit());
    !has_form || DAY.is_match(digits) || !digits.starts_with('+') && before.is_some_and(|before| before.is_ascii_digit())
}

/// Leaves out the signs at the end that belong to the sentence, and the brackets that were not opened within the address.
fn without_end(address: &str) -> &str {
    let mut surplus = [(')', '('), (']', '['), ('}', '{')]
        .map(|(closing, opening)| (closing, address.matches(closing).count().saturating_sub(address.matches(opening).count())));
    let mut rest = address;
    while let Some(last) = rest.chars().next_back() {
        match surplus.iter_mut().find(|(closing, _)| *closing == last) {
            Some((_, 0)) => break,
            Some((_, left)) => *left -= 1,
            None if ".,;:!?'*_~|…`".contains(last) => {}
            None => break,
        }
        rest = &rest[..rest.len() - last.len_utf8()];
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts, and the addresses that are in them; the page is held to the same list.
    const EXAMPLES: &str = include_str!("../../web/links.txt");

    #[test]
    fn every_example_is_read_as_a_person_reads_it() {
        let mut read = 0;
        for example in EXAMPLES.split("\n\n").map(str::trim).filter(|example| !example.is_empty()) {
            let (text, expected) = example.split_once('\n').unwrap_or((example, ""));
            let found = find(text).into_iter().map(|Found { at, href }| format!("{} {href}", text[at].replace(' ', "\u{a0}")));
            let expected: Vec<_> = expected.lines().collect();
            assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
            read += 1;
        }
        assert!(read > 30, "{read}");
    }

    #[test]
    fn brackets_are_counted_once_however_many_there_are() {
        let text = format!("https://a.example/({}", ")".repeat(1_000_000));
        assert_eq!(find(&text).first().map(|found| found.at.len()), Some("https://a.example/()".len()));
    }
}
