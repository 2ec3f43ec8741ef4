//! What every answer tells a browser, whichever door it comes from: nothing is sniffed, framed, kept, or taken for a page.

use std::net::TcpListener;

use http::Method;
use http::header::HOST;
use serde_json::{Value, json};

use crate::support::{Answer, Chatter, Folder, Installation, Process, Visitor, send, soon, token_of};

/// A request of an agent's.
fn list_of_tools() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
}

async fn mcp(visitor: &Visitor, key: &str) -> Answer {
    let request = visitor.request(Method::POST, "/mcp").header("accept", "application/json, text/event-stream");
    send(request.bearer_auth(key).json(&list_of_tools())).await
}

/// Opens a chatter's stream, and reads no more than its head.
async fn head_of_stream(chatter: &Chatter) -> Answer {
    let response = soon("a stream", chatter.request(Method::GET, "/events").send()).await.unwrap();
    Answer { status: response.status(), headers: response.headers().clone(), body: bytes::Bytes::new() }
}

#[tokio::test]
async fn every_door_tells_browsers_what_an_answer_is_for() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    let visitor = &chatter.visitor;
    let shell = visitor.get("/").await;
    let asset = shell.text().split('"').find(|part| part.starts_with("/assets/")).unwrap().to_owned();
    let token = token_of(&link);

    let mut answers = vec![("a page", shell)];
    for path in [format!("/temp-chat/{token}"), format!("/embed/{token}"), "/chat".to_owned(), asset] {
        answers.push(("what a page is made of", visitor.get(&path).await));
    }
    for path in ["/embed.js", "/robots.txt", "/healthz", "/readyz", "/openapi.json", "/nothing", "/.well-known/nothing"] {
        answers.push((path, visitor.get(path).await));
    }
    // All of these are about one person's chat.
    let private = vec![
        ("a link", visitor.inspect(token).await),
        ("a second tap", visitor.join(token, json!({})).await),
        ("a session", chatter.get("").await),
        ("words", chatter.get("/messages").await),
        ("words as they come", head_of_stream(&chatter).await),
        ("a copy", chatter.get("/transcript?format=html").await),
        ("a refusal", visitor.get("/api/v1/sessions/ses_x").await),
        ("no such door", visitor.get("/api/v1/nothing").await),
        ("no such way in", visitor.get("/api/v1/links/inspect").await),
        ("an agent's call", mcp(visitor, agent.key()).await),
        ("a call without a key", mcp(visitor, "nonsense").await),
    ];
    for (door, answer) in &private {
        let kept = answer.header("cache-control").unwrap_or_default();
        assert!(kept.split(", ").any(|word| word == "no-store"), "{door}: {kept}");
    }
    answers.extend(private);
    assert!(answers.iter().filter(|(_, answer)| answer.status == 200).count() > 15, "most doors are open");

    for (door, answer) in answers {
        let said = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{door} says nothing of {name}")).to_owned();
        assert_eq!(said("x-content-type-options"), "nosniff", "{door}");
        assert_eq!(said("referrer-policy"), "no-referrer", "{door}");
        assert_eq!(said("cross-origin-opener-policy"), "same-origin", "{door}");
        let for_whom = if door == "/embed.js" { "cross-origin" } else { "same-origin" };
        assert_eq!(said("cross-origin-resource-policy"), for_whom, "{door}");
        assert!(said("permissions-policy").contains("camera=()"), "{door}");
        assert!(said("x-robots-tag").contains("noindex"), "{door}");
        let policy = said("content-security-policy");
        for part in ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{door}: {policy}");
        }
        assert!(!policy.contains("unsafe-eval") && !policy.contains('*'), "{door}: {policy}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{door}");
        assert_eq!(answer.header("strict-transport-security"), None, "{door}: over plain HTTP nobody believes it");
        assert_eq!(answer.header("server"), None, "{door}");
    }
}

#[tokio::test]
async fn nothing_that_was_sent_is_echoed_by_trace() {
    let visitor = Installation::shared().visitor();
    for path in ["/", "/temp-chat/x", "/api/v1/sessions", "/mcp", "/readyz", "/nothing"] {
        let answer = send(visitor.request(Method::TRACE, path).header("x-secret", "parrot")).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(!answer.text().contains("parrot"), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn behind_tls_browsers_are_told_to_stay_there() {
    let folder = Folder::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let options = ["up", "--listen", &free, "--public-url", "https://chat.example", "--no-demo"];
    let process = Process::start(&folder, &options);
    assert_eq!(process.url(), Some("https://chat.example"));
    let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();

    // What a proxy with TLS hands on.
    let visitor = Visitor::new(&format!("http://{free}"));
    let from_proxy = |method, path: &str| visitor.request(method, path).header(HOST, "chat.example");
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "temp_chat_create_link", "arguments": {"title": "A link"}}});
    let request =
        from_proxy(Method::POST, "/mcp").bearer_auth(key.trim()).header("accept", "application/json, text/event-stream");
    let made = send(request.json(&call)).await.expect(200);
    let url = made["result"]["structuredContent"]["url"].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://chat.example/temp-chat/"), "{url}");
    let token = url.rsplit_once('/').unwrap().1;

    let join = json!({"token": token, "client_id": visitor.client_id()});
    let joined = send(from_proxy(Method::POST, "/api/v1/sessions").json(&join)).await;
    let cookie = joined.header("set-cookie").unwrap().to_owned();
    assert!(cookie.starts_with("__Secure-tc="), "{cookie}");
    for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/api/v1/sessions/ses_"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    for answer in [joined, send(from_proxy(Method::GET, "/")).await, send(from_proxy(Method::GET, "/nothing")).await] {
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=63072000; includeSubDomains"));
    }
    // Under the name that is used over plain HTTP, the same credential is none.
    let session = cookie.split("/sessions/").nth(1).unwrap().split(';').next().unwrap();
    let path = format!("/api/v1/sessions/{session}");
    let credential = cookie.split(';').next().unwrap().strip_prefix("__Secure-").unwrap().to_owned();
    send(from_proxy(Method::GET, &path).header("cookie", &credential)).await.refused(401, "session_unknown");
    assert_eq!(send(from_proxy(Method::GET, &path).header("cookie", format!("__Secure-{credential}"))).await.status, 200);
}
