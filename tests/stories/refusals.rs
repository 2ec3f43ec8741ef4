//! One shape for every refusal, and the doors that stay shut to other sites.

use http::Method;
use serde_json::json;

use crate::support::{Installation, send};

#[tokio::test]
async fn every_wrong_turn_is_a_problem_document() {
    let installation = Installation::shared();
    let visitor = installation.visitor();
    visitor.get("/api/v1/nothing/here").await.refused(404, "not_found");
    visitor.get("/api/v1/links/inspect").await.refused(405, "method_not_allowed");
    visitor.post("/api/v1/links/inspect", &json!({"wrong": "field"})).await.refused(422, "invalid_request");
    let form = visitor.request(Method::POST, "/api/v1/links/inspect").header("content-type", "text/plain").body("token=x");
    send(form).await.refused(415, "media_type_unsupported");
    let broken = visitor.request(Method::POST, "/api/v1/links/inspect").header("content-type", "application/json").body("{");
    send(broken).await.refused(422, "invalid_request");
}

#[tokio::test]
async fn another_site_can_make_a_browser_send_nothing() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")] {
        let post = chatter.request(Method::POST, "/end").header(name, value).json(&json!({}));
        send(post).await.refused(403, "cross_site");
    }
    let preflight = chatter.request(Method::OPTIONS, "/end").header("origin", "https://elsewhere.example");
    let answer = send(preflight.header("access-control-request-method", "POST")).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(chatter.look().await["status"], "active");
}

#[tokio::test]
async fn every_answer_says_how_it_may_be_used() {
    let installation = Installation::shared();
    let visitor = installation.visitor();
    for path in ["/temp-chat/x", "/api/v1/sessions/ses_x", "/nothing"] {
        let answer = visitor.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(answer.header("x-request-id").is_some(), "{path}");
    }
    let policy = visitor.get("/temp-chat/x").await.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe-"), "{policy}");
}

#[tokio::test]
async fn the_service_tells_how_it_is_and_what_it_offers() {
    let installation = Installation::shared();
    let visitor = installation.visitor();
    assert_eq!(visitor.get("/healthz").await.status, 200);
    assert_eq!(visitor.get("/readyz").await.status, 200);
    let offered = visitor.get("/openapi.json").await.expect(200);
    for path in ["/links/inspect", "/sessions", "/sessions/{id}/messages", "/sessions/{id}/events"] {
        assert!(offered["paths"].get(format!("/api/v1{path}")).is_some(), "{path}");
    }
    visitor.get("/metrics").await.refused(404, "not_found");
}
