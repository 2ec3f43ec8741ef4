//! What the extractors of axum refuse, as problems.

use axum::extract::rejection::QueryRejection;

use super::{Code, Problem};

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::with_detail(Code::InvalidRequest, format!("{}.", rejection.body_text()))
    }
}
