//! What the extractors of axum refuse, as problems.

use axum::extract::rejection::{JsonRejection, QueryRejection};

use super::{Code, Problem, of_status};

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::MissingJsonContentType(_) => Code::MediaTypeUnsupported.into(),
            JsonRejection::BytesRejection(_) => match of_status(rejection.status()) {
                Some(problem) => problem,
                None => Self::with_detail(Code::InvalidRequest, "The body could not be read."),
            },
            JsonRejection::JsonDataError(_) | JsonRejection::JsonSyntaxError(_) => {
                Self::with_detail(Code::InvalidRequest, format!("{}.", rejection.body_text()))
            }
            // The extractor may learn further ways to say no.
            other => Self::with_detail(Code::InvalidRequest, format!("{}.", other.body_text())),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::with_detail(Code::InvalidRequest, format!("{}.", rejection.body_text()))
    }
}
