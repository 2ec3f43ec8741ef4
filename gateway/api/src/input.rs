//! What comes in beside JSON bodies: queries, and the kinds of text in them, with every fault told as a problem.

use axum::extract::FromRequestParts;
use problem::Problem;
use uuid::Uuid;

/// The query of an address.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(super) struct Query<T>(pub(super) T);

/// Reads a UUID in its usual form (RFC 9562, section 4) and any case; returns it in lower case.
pub(super) fn uuid(key: &'static str, text: &str) -> Result<String, Problem> {
    // The crate reads other forms too, which would make several texts of one id.
    let read = Uuid::try_parse(text).ok().map(|uuid| uuid.hyphenated().to_string());
    read.filter(|read| read.eq_ignore_ascii_case(text))
        .ok_or_else(|| Problem::field(key, "not_a_uuid", "This must be a random UUID, as 8-4-4-4-12 hexadecimal digits."))
}

/// Reads an id that a client chose: 1 to 64 visible ASCII characters.
pub(super) fn chosen_id(key: &'static str, text: &str) -> Result<(), Problem> {
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::field(key, "not_an_id", "This must have 1 to 64 visible ASCII characters."));
    }
    Ok(())
}

/// Reads a number that must lie in a range.
pub(super) fn within(key: &'static str, given: u16, least: u16, most: u16) -> Result<u16, Problem> {
    if given < least || given > most {
        return Err(Problem::field(key, "out_of_range", format!("This must be {least} to {most}, not {given}.")));
    }
    Ok(given)
}

/// Makes one line of what may hold line breaks and other controls; nothing where nothing is left to be seen.
pub(super) fn one_line(text: &str) -> Option<String> {
    let words: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    Some(text::trim(&words)).filter(|words| !text::is_blank(words)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use problem::Code;

    use super::*;

    #[test]
    fn a_client_id_is_a_uuid() {
        let id = "0B8A9E3C-7f0d-4c58-9a52-0d4d1f6f2b11";
        assert_eq!(uuid("client_id", id).unwrap(), id.to_lowercase());
        for wrong in ["", "0b8a9e3c7f0d4c589a520d4d1f6f2b11", "0b8a9e3c-7f0d-4c58-9a52-0d4d1f6f2b1z", "--------"] {
            assert_eq!(uuid("client_id", wrong).unwrap_err().code, Code::InvalidRequest, "{wrong}");
        }
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(one_line(" Ann\r\nAgent: yes "), Some("Ann  Agent: yes".to_owned()));
        for nothing in [" \t ", "\0", "\u{200b}\u{2060}", "\u{2800}"] {
            assert_eq!(one_line(nothing), None, "{nothing:?}");
        }
    }
}
