//! Heads of requests that contradict themselves, come by another's name, or want to be quoted.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Agent, Folder, Installation, Process, RawConnection, Visitor, send};

fn get(path: &str, hosts: &[&str]) -> String {
    let hosts: Vec<String> = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
    let hosts = hosts.concat();
    format!("GET {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n")
}

/// Finds a port that nobody has; the service says its public address only.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn only_names_that_are_ours_are_answered_at_any_door() {
    let folder = Folder::new();
    let (listen, metrics) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", free_port()));
    let named = [
        ("TEMPCHAT_PUBLIC_URL", "https://chat.example"),
        ("TEMPCHAT_ALLOWED_HOSTS", r#"["inner.example"]"#),
        ("TEMPCHAT_METRICS_LISTEN", metrics.as_str()),
    ];
    let process = Process::start_with(&folder, &["up", "--listen", &listen, "--no-demo"], &named);
    let url = &format!("http://{listen}");
    let doors = ["/", "/api/v1/sessions/ses_x", "/mcp", "/openapi.json", "/temp-chat/x", "/embed/x", "/nowhere"];
    for door in doors {
        for host in ["evil.example", "chat.example.evil.example:80", "0x7f000001"] {
            let (status, answer) = RawConnection::ask(url, &get(door, &[host])).await;
            assert_eq!(status, 421, "{door} by {host}: {answer}");
            assert!(answer.contains("host_unknown") && answer.contains("allowed_hosts"), "{answer}");
        }
        for host in ["chat.example", "CHAT.EXAMPLE:443", "inner.example", "localhost:8080", "127.0.0.1", "[::1]:8080", "10.1.2.3"]
        {
            let (status, answer) = RawConnection::ask(url, &get(door, &[host])).await;
            assert!(status != 421 && status != 400 || door == "/mcp" && status == 401, "{door} by {host}: {answer}");
        }
    }
    // A load balancer's checks come by whatever name.
    for door in ["/healthz", "/readyz"] {
        let (status, _) = RawConnection::ask(url, &get(door, &["evil.example"])).await;
        assert_ne!(status, 421, "{door}");
    }
    let metrics = format!("http://{metrics}");
    assert_eq!(RawConnection::ask(&metrics, &get("/metrics", &["evil.example"])).await.0, 421);
    assert_eq!(RawConnection::ask(&metrics, &get("/metrics", &["127.0.0.1"])).await.0, 200);
    assert_eq!(process.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn a_head_that_contradicts_itself_is_no_request() {
    let url = Installation::shared().url();
    let host = url.strip_prefix("http://").unwrap();
    for request in [
        get("/healthz", &[host, host]),
        get("/healthz", &[host, "evil.example"]),
        get("/healthz", &[]),
        get("http://evil.example/healthz", &[host]),
        format!("GET /healthz HTTP/1.1\nHost: {host}\r\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\n\r\n"),
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nX: 1\n\n"),
        format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nX: 1\nTransfer-Encoding: chunked\r\n\r\n"),
    ] {
        let (status, answer) = RawConnection::ask(url, &request).await;
        assert_eq!(status, 400, "{request:?}: {answer}");
    }
    let (status, _) = RawConnection::ask(url, &get(&format!("http://{host}/healthz"), &[host])).await;
    assert_eq!(status, 200, "the very same host in both places is fine");
    let (status, _) = RawConnection::ask(url, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(status, 200, "before HTTP/1.1 none need be named");
    // What is no head may hold what it likes.
    let body = "{\n\"token\":\n\"x\"\n}\n";
    let post = format!(
        "POST /api/v1/links/inspect HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let twice = format!("{post}{}", get("/healthz", &[host]));
    let (status, answer) = RawConnection::ask(url, &twice).await;
    assert_eq!(status, 404, "{answer}");
    assert!(answer.contains("link_unknown") && answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn nobody_is_sent_back_what_they_sent_at_length() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let long = "x".repeat(100_000);
    let mcp = async |message: Value, headers: &[(&str, &str)]| {
        let mut request = installation.visitor().request(Method::POST, "/mcp").bearer_auth(agent.key());
        request = request.header("accept", "application/json, text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(request.json(&message)).await
    };
    let call = |name: &str, arguments: Value| json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}});
    let field = |part: &str, value: Value| {
        let mut field = json!({"key": "a", "label": "A", "type": "text"});
        field[part] = value;
        json!({"session_id": "ses_x", "fields": [field]})
    };
    let short = "y".repeat(5_000);
    for (what, message, headers) in [
        ("a method", json!({"jsonrpc": "2.0", "id": 1, "method": long}), vec![]),
        ("a tool", call(&long, json!({})), vec![]),
        ("an argument", call("temp_chat_list_links", json!({(long.as_str()): 1})), vec![]),
        ("a value", call("temp_chat_list_links", json!({"status": long})), vec![]),
        ("a number", call("temp_chat_list_links", json!({"limit": long})), vec![]),
        ("an id", call("temp_chat_get_link", json!({"link_id": long})), vec![]),
        ("a cursor", call("temp_chat_wait_for_messages", json!({"after": long, "timeout_seconds": 0})), vec![]),
        ("a part to include", call("temp_chat_list_sessions", json!({"include": [long]})), vec![]),
        ("a language", call("temp_chat_create_link", json!({"title": "A", "language": long})), vec![]),
        ("a moment", call("temp_chat_update_link", json!({"link_id": "lnk_x", "expires_at": long})), vec![]),
        ("an origin", call("temp_chat_create_link", json!({"title": "A", "allowed_origins": [long]})), vec![]),
        ("a field's type", call("temp_chat_ask", field("type", json!(long))), vec![]),
        ("a field's key", call("temp_chat_ask", field("key", json!(long))), vec![]),
        ("a field's part", call("temp_chat_ask", field(&long, json!(1))), vec![]),
        ("a question of a link", call("temp_chat_create_link", json!({"title": "A", "questions": [{"key": long}]})), vec![]),
        ("a resource", json!({"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": long}}), vec![]),
        ("a prompt", json!({"jsonrpc": "2.0", "id": 1, "method": "prompts/get", "params": {"name": long}}), vec![]),
        ("a version", json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}), vec![("mcp-protocol-version", short.as_str())]),
        ("a method's header", json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}), vec![("mcp-method", short.as_str())]),
    ] {
        let answer = mcp(message, &headers).await;
        let text = answer.text();
        assert!(!text.contains(&"x".repeat(900)) && !text.contains(&"y".repeat(900)), "{what}: {} bytes back", text.len());
        assert!(text.contains("error") || text.contains("isError"), "{what}: {text}");
    }
    let chatter = installation.visitor().enter(&agent.link(json!({})).await).await;
    for (path, body) in [
        ("/answers", json!({"client_message_id": "a", "question_id": long, "values": {}})),
        ("/answers", json!({"client_message_id": "a", "question_id": "q", "values": {(long.as_str()): 1}})),
        ("/messages", json!({"client_message_id": long, "text": "a"})),
        ("/end", json!({"rating": long})),
    ] {
        let answer = chatter.post(path, &body).await;
        assert!(answer.status.is_client_error() && answer.body.len() < 3_000, "{path}: {} bytes back", answer.body.len());
    }
    let unknown = format!("{} / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "Z".repeat(5_000));
    let (status, answer) = RawConnection::ask(installation.url(), &unknown).await;
    assert!((400..500).contains(&status) && answer.len() < 3_000, "{answer}");
    assert_eq!(Visitor::new(installation.url()).get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_service_that_listens_everywhere_is_reached_by_its_address() {
    let folder = Folder::new();
    let port = free_port();
    let public = [("TEMPCHAT_PUBLIC_URL", "http://chat.example")];
    let process = Process::start_with(&folder, &["up", "--listen", &format!("0.0.0.0:{port}"), "--no-demo"], &public);
    // An address that is not this machine's usual one, as it would be of another machine in the same network.
    let url = format!("http://127.0.0.7:{port}");
    let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
    let agent = Agent::connect(&url, key.trim()).await;
    let link = agent.link(json!({})).await;
    Visitor::new(&url).enter(&link).await.say("By its address").await;
    assert_eq!(process.interrupt().await.code(), Some(0));
}
