//! What the description of the API (`OpenAPI` 3.1) says of every operation: who may ask, and what is answered before a handler is.

use http::StatusCode;
use problem::{Code, MEDIA_TYPE};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, Header, ObjectBuilder, OpenApi, Ref, RefOr, Response, Type};

/// A session's cookie, its credential as a bearer's, and an agent's key.
const COOKIE: &str = "session_cookie";
const TOKEN: &str = "session_token";
const KEY: &str = "agent_key";

/// What any operation may answer; of a handler's own answers nothing is replaced.
const ALWAYS: [Code; 7] = [
    Code::HeadInvalid,
    Code::HostUnknown,
    Code::RateLimited,
    Code::Internal,
    Code::Unavailable,
    Code::Overloaded,
    Code::TimedOut,
];
/// What one that reads a body may answer, too.
const WITH_BODY: [Code; 4] = [Code::InvalidRequest, Code::BodyTooLarge, Code::MediaTypeUnsupported, Code::CrossSite];

/// Completes what the handlers say of themselves.
pub(crate) fn complete(description: &mut OpenApi) {
    let components = description.components.get_or_insert_with(Components::new);
    for (name, scheme) in schemes() {
        components.add_security_scheme(name, scheme);
    }
    for (path, item) in &mut description.paths.paths {
        for operation in operations(item) {
            operation.security = Some(who_may_ask(path));
            answers(operation, path);
        }
    }
}

fn schemes() -> [(&'static str, SecurityScheme); 3] {
    let bearer = |described: &str| {
        SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(described)).build())
    };
    let cookie = "`tc` over http, `__Secure-tc` over https: given by `POST /api/v1/sessions`, of one session, on its path only.";
    [
        (COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description("__Secure-tc", cookie)))),
        (
            TOKEN,
            bearer(
                "The `session_token` that `POST /api/v1/sessions` gives once to whoever asks for `\"credential\": \"bearer\"`.",
            ),
        ),
        (KEY, bearer("An agent's API key, or an access token of the operator's authorization server.")),
    ]
}

/// Of several any is enough.
fn who_may_ask(path: &str) -> Vec<SecurityRequirement> {
    let any = |names: &[&str]| names.iter().map(|name| SecurityRequirement::new(*name, Vec::<String>::new())).collect();
    if path.contains("/agent/") {
        any(&[KEY])
    } else if path.contains("/sessions/") {
        any(&[COOKIE, TOKEN])
    } else {
        Vec::new()
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
    [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
}

fn answers(operation: &mut Operation, path: &str) {
    let body = if operation.request_body.is_some() { WITH_BODY.as_slice() } else { &[] };
    // Whether the process runs is told whatever else is.
    let always = if path == "/healthz" { [].as_slice() } else { &ALWAYS };
    let responses = &mut operation.responses.responses;
    for code in always.iter().chain(body) {
        let status = code.status().as_str().to_owned();
        if let RefOr::T(response) = responses.entry(status).or_insert_with(|| problem().into()) {
            let name = code.as_str();
            if response.content.contains_key(MEDIA_TYPE) && !response.description.split(", ").any(|known| known == name) {
                let first = if response.description.is_empty() { "" } else { ", " };
                response.description = format!("{}{first}{name}", response.description);
            }
        }
    }
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        if response.description.is_empty() {
            let known = status.parse().ok().and_then(|number| StatusCode::from_u16(number).ok()?.canonical_reason());
            known.unwrap_or("As it is described.").clone_into(&mut response.description);
        }
        if matches!(status.as_str(), "429" | "503") {
            let retry = "In how many seconds to ask again.";
            response.headers.insert("Retry-After".to_owned(), header(retry, Type::Integer).into());
        }
        if path.starts_with("/api/") {
            for (name, what) in [
                ("RateLimit", "What is left of the limit that is nearest to its end, and for how long."),
                ("RateLimit-Policy", "The limits that hold here."),
            ] {
                response.headers.insert(name.to_owned(), header(what, Type::String).into());
            }
        }
    }
}

fn problem() -> Response {
    let schema = RefOr::<utoipa::openapi::Schema>::Ref(Ref::from_schema_name("Problem"));
    ResponseBuilder::new().content(MEDIA_TYPE, ContentBuilder::new().schema(Some(schema)).build()).build()
}

fn header(description: &str, kind: Type) -> Header {
    HeaderBuilder::new().schema(Some(ObjectBuilder::new().schema_type(kind).build())).description(Some(description)).build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use crate::router::description;

    /// Calls `see` with every object of a document, and the name under which it stands.
    fn walk(value: &Value, see: &mut impl FnMut(&serde_json::Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                see(object);
                object.values().for_each(|value| walk(value, see));
            }
            Value::Array(values) => values.iter().for_each(|value| walk(value, see)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
        let described: Value = serde_json::from_slice(&description("https://chat.example")).unwrap();
        walk(&described, &mut |object| {
            if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
                assert!(described.pointer(pointer).is_some(), "{reference} leads nowhere");
            }
        });
        let mut names = BTreeSet::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{method} {path} has the name {name} of another operation");
                assert!(operation["security"].is_array() && operation["summary"].is_string(), "{method} {path}");
                for (status, response) in operation["responses"].as_object().unwrap() {
                    assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path} {status}");
                }
                let statuses = operation["responses"].as_object().unwrap();
                if operation.get("requestBody").is_some() {
                    assert!(["413", "415", "422", "429"].iter().all(|status| statuses.contains_key(*status)), "{method} {path}");
                }
            }
        }
    }
}
