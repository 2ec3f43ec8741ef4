//! One field of a form, as agents write it, as it is stored, and as clients read it.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use time::Date;
use time::macros::format_description;

/// One thing that is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The name of its value.
    pub key: String,
    /// What is asked.
    pub label: String,
    /// What kind of value is wanted.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// Whether the question stays open without it.
    #[serde(default = "yes")]
    pub required: bool,
    /// A line that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// What may be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
    /// The least number, or the first date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Limit>,
    /// The greatest number, or the last date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Limit>,
    /// Characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
}

/// What kind of value a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One of the options: its value.
    Choice,
    /// Some of the options: a list of their values.
    Choices,
    /// `true` or `false`.
    YesNo,
    /// Any text.
    Text,
    /// A number.
    Number,
    /// A day, `YYYY-MM-DD`.
    Date,
    /// An e-mail address.
    Email,
    /// 1 to 5.
    Rating,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 8] =
        [Self::Choice, Self::Choices, Self::YesNo, Self::Text, Self::Number, Self::Date, Self::Email, Self::Rating];

    /// Returns the public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Choice => "choice",
            Self::Choices => "choices",
            Self::YesNo => "yes_no",
            Self::Text => "text",
            Self::Number => "number",
            Self::Date => "date",
            Self::Email => "email",
            Self::Rating => "rating",
        }
    }

    /// Tells whether there are so few values that it is worth counting each.
    pub const fn is_countable(self) -> bool {
        match self {
            Self::Choice | Self::Choices | Self::YesNo | Self::Rating => true,
            Self::Text | Self::Number | Self::Date | Self::Email => false,
        }
    }

    pub(crate) const fn has_options(self) -> bool {
        match self {
            Self::Choice | Self::Choices => true,
            Self::YesNo | Self::Text | Self::Number | Self::Date | Self::Email | Self::Rating => false,
        }
    }
}

/// Something that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Choice {
    /// What the agent gets.
    pub value: String,
    /// What the person sees.
    pub label: String,
}

/// An option as agents write it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    /// A text that is both.
    Short(String),
    Whole {
        value: String,
        label: Option<String>,
    },
}

impl From<Written> for Choice {
    fn from(written: Written) -> Self {
        let (value, label) = match written {
            Written::Short(value) => (value, None),
            Written::Whole { value, label } => (value, label),
        };
        Self { label: label.unwrap_or_else(|| value.clone()), value }
    }
}

/// The end of a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    /// Of a number.
    Number(Number),
    /// Of a date, `YYYY-MM-DD`.
    Date(String),
}

fn yes() -> bool {
    true
}

/// Reads a day of the calendar, `YYYY-MM-DD` (RFC 3339, `full-date`).
pub(crate) fn date(text: &str) -> Option<Date> {
    Date::parse(text, format_description!("[year repr:full range:standard]-[month]-[day]")).ok().filter(|_| text.len() == 10)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_has_the_name_that_is_written() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn an_option_may_be_written_short() {
        let options: Vec<Choice> =
            serde_json::from_value(json!(["Red", {"value": "b"}, {"value": "g", "label": "Green"}])).unwrap();
        let told = json!([{"value": "Red", "label": "Red"}, {"value": "b", "label": "b"}, {"value": "g", "label": "Green"}]);
        assert_eq!(serde_json::to_value(options).unwrap(), told);
    }

    #[test]
    fn what_is_left_out_stays_out() {
        let field: Field = serde_json::from_value(json!({"key": "a", "label": "A?", "type": "text"})).unwrap();
        assert!(field.required);
        assert_eq!(serde_json::to_value(field).unwrap(), json!({"key": "a", "label": "A?", "type": "text", "required": true}));
    }
}
