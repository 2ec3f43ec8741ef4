//! The audit: what was refused for security and who looked at words, without a word, a name or an address in it.

use http::Method;
use serde_json::{Value, json};

use crate::support::{Agent, Installation, Intruder, Process, send, until};

fn audit(installation: &Installation, more: &[&str]) -> Vec<Value> {
    installation.json(&[&["log", "show", "--audit"], more].concat())
}

/// Waits until the audit has an entry.
async fn entry(installation: &Installation, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    until(what, async || audit(installation, &[]).into_iter().find(|entry| is(entry))).await
}

#[tokio::test]
async fn what_is_refused_for_security_is_told_and_nothing_personal_with_it() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let locked = agent.link(json!({"passcode": "open sesame", "title": "Private matters"})).await;
    let open = agent.link(json!({"max_sessions_at_once": 2})).await;
    let visitor = installation.visitor();
    let link_id = locked["link_id"].clone();

    for _ in 0..3 {
        let wishes = json!({"passcode": "melon melon", "display_name": "Ada Lovelace"});
        visitor.join(crate::support::token_of(&locked), wishes).await.refused(401, "passcode_wrong");
    }
    visitor.inspect("made-up-token").await.refused(404, "link_unknown");
    let (mine, theirs) = (installation.visitor().enter(&open).await, installation.visitor().enter(&open).await);
    mine.trying(&theirs.session).get("").await.refused(401, "session_unknown");
    visitor
        .post("/api/v1/sessions", &json!({"handoff_code": "7GH0-1K2M", "client_id": visitor.client_id()}))
        .await
        .refused(404, "handoff_unknown");
    let other_site = visitor.request(Method::POST, "/api/v1/links/inspect").header("sec-fetch-site", "cross-site");
    send(other_site.json(&json!({"token": "x"}))).await.refused(403, "cross_site");
    let issued = installation.json(&["agent", "key", "issue", &agent.id(), "--scope", "read"]).remove(0);
    let (reader, key_id) = (issued["key"].as_str().unwrap().to_owned(), issued["key_id"].clone());
    let reading = Agent::connect(installation.url(), &reader).await;
    reading.is_refused("temp_chat_send_message", json!({"session_id": mine.session, "text": "A secret plan"})).await;
    agent.is_refused("temp_chat_get_link", json!({"link_id": "lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa"})).await;
    installation.json(&["agent", "key", "revoke", &agent.id(), key_id.as_str().unwrap()]);
    let knock = async |key: &str| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = visitor.request(Method::POST, "/mcp").header("accept", "application/json, text/event-stream");
        send(request.bearer_auth(key).json(&call)).await
    };
    // A gateway may have seen the key a moment ago.
    until("the key is revoked everywhere", async || (knock(&reader).await.status == 401).then_some(())).await;
    knock("tc_2_made_up_key").await.refused(401, "key_invalid");

    // A name that leads back into the operator's own network: whoever set it thought that this was allowed.
    let mut set = Process::command(installation.folder(), &["agent", "webhook", "set", &agent.id(), "https://localhost:9/wake"]);
    set.env("TEMPCHAT_WEBHOOK_NETWORKS", "[\"127.0.0.0/8\", \"::1/128\"]");
    assert!(set.output().unwrap().status.success());
    mine.say("Wake up").await;

    let of = |code: &'static str, door: &'static str| move |entry: &Value| entry["code"] == code && entry["door"] == door;
    let wrong = entry(&installation, "a wrong passcode", of("passcode_wrong", "POST /api/v1/sessions")).await;
    assert_eq!((&wrong["kind"], &wrong["link_id"], &wrong["agent_id"]), (&json!("refused"), &link_id, &json!(agent.id())));
    assert!((1..=3).contains(&wrong["count"].as_u64().unwrap()), "equal ones are counted: {wrong}");
    entry(&installation, "a made-up token", of("link_unknown", "POST /api/v1/links/inspect")).await;
    let foreign = entry(&installation, "another's session", of("session_unknown", "GET /api/v1/sessions/{id}")).await;
    assert_eq!(foreign["session_id"], mine.session, "who tried");
    entry(&installation, "a code that opens nothing", of("handoff_unknown", "POST /api/v1/sessions")).await;
    entry(&installation, "another site's request", of("cross_site", "POST /api/v1/links/inspect")).await;
    let scope = entry(&installation, "a missing scope", of("scope_missing", "temp_chat_send_message")).await;
    assert_eq!((&scope["key_id"], &scope["agent_id"]), (&key_id, &json!(agent.id())));
    entry(&installation, "another's link", of("link_unknown", "temp_chat_get_link")).await;
    let revoked = |entry: &Value| of("key_invalid", "POST /mcp")(entry) && entry["key_id"] == key_id;
    entry(&installation, "a revoked key", revoked).await;
    let unknown = |entry: &Value| of("key_invalid", "POST /mcp")(entry) && entry["key_id"].is_null();
    let unknown = entry(&installation, "a made-up key", unknown).await;
    assert_eq!(unknown["network"], wrong["network"], "the same network on the same day");
    assert_ne!(foreign["network"], wrong["network"]);

    let inside = entry(&installation, "a webhook that leads inside", of("address_forbidden", "webhook")).await;
    assert_eq!(inside["agent_id"], agent.id());

    let output = installation.run(&["log", "show", "--audit"]);
    let plain = String::from_utf8(output.stdout).unwrap();
    let all = audit(&installation, &[]).iter().map(Value::to_string).collect::<String>() + &plain;
    let words = [
        "open sesame",
        "melon",
        "Lovelace",
        "Private",
        "secret plan",
        "127.",
        "made_up",
        "made-up",
        "7GH0",
        &reader,
        theirs.session.as_str(),
    ];
    for personal in words {
        assert!(!all.contains(personal), "{personal}: {all}");
    }
    assert!(plain.contains("kind=refused code=passcode_wrong door=POST /api/v1/sessions"), "{plain}");

    // From a position on, up to one, and of a time to come.
    let entries = audit(&installation, &[]);
    let second = entries[1]["position"].to_string();
    assert_eq!(audit(&installation, &["--from", &second, "--to", &second]), [entries[1].clone()]);
    let first_at = entries[0]["at"].as_str().unwrap();
    assert_eq!(audit(&installation, &["--to", first_at])[0], entries[0]);
    assert_eq!(audit(&installation, &["--from", "2100-01-01T00:00:00Z"]), [Value::Null; 0]);
}

#[tokio::test]
async fn nobody_of_the_operators_reads_words_unseen() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    installation.visitor().enter(&link).await.say("Between us").await;
    let looks = || audit(&installation, &[]).into_iter().filter(|entry| entry["kind"] == "looked").collect::<Vec<_>>();
    let shown = |arguments: &[&str]| {
        let output = installation.run(arguments);
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(!shown(&["log", "show"]).1.contains("Between us"));
    assert_eq!(looks(), [Value::Null; 0]);
    assert!(shown(&["log", "show", "--with-text", "--agent", &agent.id()]).1.contains("Between us"));
    let look = &looks()[0];
    assert_eq!((&look["code"], &look["who"], &look["agent_id"]), (&json!("words_read"), &json!("operator"), &json!(agent.id())));
    installation.json(&["agent", "webhook", "set", &agent.id(), "https://agent.example/wake", "--with-text"]);
    assert_eq!(looks()[1]["code"], "words_sent");
    installation.json(&["agent", "webhook", "set", &agent.id(), "https://agent.example/wake"]);
    assert_eq!(looks().len(), 2, "no words, no look");

    // Where the audit cannot be written, words stay closed; and what only reads makes no stream.
    let intruder = Intruder::into(&installation).await;
    intruder.delete("AUDIT").await;
    let (succeeded, out, told) = shown(&["log", "show", "--with-text"]);
    assert!(!succeeded && !out.contains("Between us") && told.contains("the audit could not be written"), "{told}");
    let (succeeded, _, told) = shown(&["log", "show", "--audit"]);
    assert!(!succeeded && told.contains("the audit cannot be read"), "{told}");
    assert!(intruder.stream("AUDIT").await.is_none());
    assert!(shown(&["log", "show"]).0, "the rest is as open as before");
}
