//! What the doctor finds.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warning,
    /// It does not work, or will lose something.
    Critical,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// Of what it is.
    pub(crate) part: &'static str,
    /// How it is.
    pub(crate) found: String,
    /// What mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

impl Finding {
    pub(crate) fn ok(part: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Ok, part, found: found.into(), mend: None }
    }

    pub(crate) fn warning(part: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { level: Level::Warning, part, found: found.into(), mend: Some(mend.into()) }
    }

    pub(crate) fn critical(part: &'static str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { level: Level::Critical, part, found: found.into(), mend: Some(mend.into()) }
    }
}
