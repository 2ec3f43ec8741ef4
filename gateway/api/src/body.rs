//! What comes in: JSON bodies and queries, with every fault told as a problem.

use axum::extract::{FromRequest, FromRequestParts};
use problem::Problem;

/// A JSON body.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub(super) struct Json<T>(pub(super) T);

/// The query of an address.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(super) struct Query<T>(pub(super) T);

/// Reads a UUID (RFC 9562) in any case; returns it in lower case.
pub(super) fn uuid(key: &'static str, text: &str) -> Result<String, Problem> {
    let groups: Vec<_> = text.split('-').map(str::len).collect();
    let digits = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    if groups != [8, 4, 4, 4, 12] || !digits {
        return Err(Problem::field(key, "not_a_uuid", "This must be a random UUID, as 8-4-4-4-12 hexadecimal digits."));
    }
    Ok(text.to_ascii_lowercase())
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

/// Makes one line of what may hold line breaks and other controls; nothing where nothing is left.
pub(super) fn one_line(text: &str) -> Option<String> {
    let words: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    Some(words.trim().to_owned()).filter(|words| !words.is_empty())
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
        assert_eq!(one_line(" \t "), None);
    }
}
