//! A log that shrinks: what was erased long ago leaves it, and stays gone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use http::Method;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, ConnectOptions, PgPool};

use crate::support::{Agent, Chatter, Folder, Installation, send, token_of, until};

const AT_ONCE: &[(&str, &str)] = &[("TEMPCHAT_PRUNE_AFTER_DAYS", "0"), ("TEMPCHAT_PRUNE_ARCHIVE", "archive")];

/// Waits until a link with its only chat is erased.
async fn erased(agent: &Agent, link: &Value) {
    agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"]})).await;
    until("the link is erased", async || {
        let link = agent.call("temp_chat_get_link", json!({"link_id": link["link_id"]})).await.structured_content?;
        link["erased_at"].is_string().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_erased_link_leaves_the_log_and_every_id_of_it_stays_dead() {
    let installation = Installation::set_up(AT_ONCE);
    let agent = installation.agent().await;
    let stays = agent.link(json!({})).await;
    let staying = installation.visitor().enter(&stays).await;
    staying.say("Still here").await;
    let asked = json!({"title": "Gone", "keep_minutes_after_end": 0, "idempotency_key": "gone"});
    let gone = agent.link(asked.clone()).await;
    let chatter = installation.visitor().enter(&gone).await;
    chatter.say("Forget me").await;
    let cursor = agent.wait(&gone, None).await["next_cursor"].clone();
    let everywhere = agent.hear(json!({"timeout_seconds": 0})).await["next_cursor"].clone();
    agent.say(&chatter.session, "I shall").await;
    chatter.post("/end", &json!({"rating": 4})).await.expect(200);
    erased(&agent, &gone).await;
    let figures = analytics(&agent).await;
    let before = from_outside(&installation, &chatter, &gone).await;

    until("the link is pruned", async || {
        installation.json(&["prune"]);
        installation.json(&["log", "verify"]).iter().any(|shard| shard["pruned"] != 0).then_some(())
    })
    .await;
    let by_link = json!({"link_id": gone["link_id"]});
    until("the rows have taken it in", async || {
        let got = agent.call("temp_chat_get_link", by_link.clone()).await;
        (got.is_error == Some(true)).then_some(())
    })
    .await;

    // The agent's doors.
    for (tool, more) in [
        ("temp_chat_get_link", json!({})),
        ("temp_chat_update_link", json!({"title": "Back"})),
        ("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})),
        ("temp_chat_wait_for_messages", json!({"timeout_seconds": 0, "after": cursor})),
        ("temp_chat_list_sessions", json!({})),
    ] {
        let mut arguments = by_link.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = agent.is_refused(tool, arguments).await;
        assert!(told.starts_with("link_erased"), "{tool}: {told}");
    }
    let told = agent.is_refused("temp_chat_create_link", asked).await;
    assert!(told.starts_with("link_erased") && told.contains("another idempotency_key"), "{told}");
    for (tool, more) in [
        ("temp_chat_read_messages", json!({})),
        ("temp_chat_send_message", json!({"text": "Hello?"})),
        ("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})),
        ("temp_chat_end_session", json!({})),
    ] {
        let mut arguments = json!({"session_id": chatter.session});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = agent.is_refused(tool, arguments).await;
        assert!(told.starts_with("session_erased"), "{tool}: {told}");
    }
    let stream = format!("/api/v1/agent/events?link_id={}", gone["link_id"].as_str().unwrap());
    let request = installation.visitor().request(Method::GET, &stream).bearer_auth(agent.key());
    send(request).await.refused(410, "link_erased");
    let issued = installation.run(&["agent", "key", "issue", &agent.id(), "--link", gone["link_id"].as_str().unwrap()]);
    assert!(!issued.status.success(), "{issued:?}");
    // A cursor from before is void: no event tells any more what its holder has missed.
    let told = agent.is_refused("temp_chat_wait_for_messages", json!({"timeout_seconds": 0, "after": everywhere})).await;
    assert!(told.starts_with("cursor_reset"), "{told}");

    // The chatter's doors.
    chatter.get("").await.refused(410, "session_erased");
    chatter.get("/messages").await.refused(410, "session_erased");
    let late = json!({"client_message_id": crate::support::uuid(), "text": "One more"});
    chatter.post("/messages", &late).await.refused(410, "session_erased");
    assert_eq!(from_outside(&installation, &chatter, &gone).await, before, "nobody outside can tell the difference");
    chatter.visitor.join(token_of(&gone), json!({})).await.refused(409, "client_id_used");
    chatter.erase().await.expect(200);

    // What stays.
    assert_eq!(staying.words().await, [("chatter".to_owned(), "Still here".to_owned())]);
    assert_eq!(analytics(&agent).await, figures, "figures survive");
    installation.json(&["rebuild"]);
    assert_eq!(analytics(&agent).await, figures, "and are the same from the pruned log");
    let told = agent.is_refused("temp_chat_get_link", by_link).await;
    assert!(told.starts_with("link_erased"), "{told}");
    assert!(installation.json(&["log", "verify"]).iter().all(|shard| shard["whole"] == true));
    let archived: Vec<_> = files(&installation.data().join("archive"));
    assert_eq!(archived.len(), 1, "{archived:?}");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(archived[0].parent().unwrap()), mode(&archived[0])), (0o700, 0o600), "an archive is closed to others");
    let lines = fs::read_to_string(&archived[0]).unwrap();
    assert!(lines.lines().all(|line| line.contains("\"leaf\":")) && !lines.contains("Forget me"), "{lines}");
}

/// What a link's token leads to, and what a newcomer is told.
async fn from_outside(installation: &Installation, chatter: &Chatter, link: &Value) -> [Value; 3] {
    let seen = chatter.visitor.inspect(token_of(link)).await.expect(200);
    let newcomer = installation.visitor().join(token_of(link), json!({})).await;
    let (status, told) = (newcomer.status.as_u16(), newcomer.text().to_owned());
    [seen["link"]["state"].clone(), seen["your_session"].clone(), json!([status, told])]
}

async fn analytics(agent: &Agent) -> Value {
    let mut figures = agent.ask("temp_chat_get_analytics", json!({})).await;
    for moving in ["now", "since"] {
        figures.as_object_mut().unwrap().remove(moving);
    }
    figures
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return vec![] };
    entries.flatten().flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

/// What the release of November 2026 left behind: a log of format 1, its rows, and the webhook of an agent.
const FORMAT_1: &str = "tests/fixtures/format-1";

#[tokio::test]
async fn a_folder_of_the_release_before_is_taken_over() {
    let folder = Folder::new();
    copy(&Path::new(FORMAT_1).join("nats"), &folder.data().join("nats"));
    fs::write(folder.data().join("tempchat.lock"), "").unwrap();
    fs::copy(Path::new(FORMAT_1).join("secrets.json"), folder.data().join("secrets.json")).unwrap();
    // Roles belong to a server, not to a database: another one with the schema has made them.
    drop(testbed::database().await);
    let rows = testbed::empty_database().await;
    sqlx::raw_sql(AssertSqlSafe(fs::read_to_string(Path::new(FORMAT_1).join("rows.sql")).unwrap())).execute(&rows).await.unwrap();
    let before = checkpoints(&rows).await;
    let url = rows.connect_options().to_url_lossy().to_string();
    let environment: &'static [(&str, &str)] =
        Vec::leak(vec![("DATABASE_URL", &*url.leak()), ("TEMPCHAT_PRUNE_AFTER_DAYS", "never")]);
    let installation = Installation::with(folder, environment);
    until("both followers have taken their checkpoints over", async || {
        let taken: i64 =
            sqlx::query_scalar("SELECT count(*) FROM checkpoint WHERE hash_format = 2").fetch_one(&rows).await.unwrap();
        (taken == 4).then_some(())
    })
    .await;
    let after = checkpoints(&rows).await;
    for ((name, shard, sequence, held_until), now) in before.into_iter().zip(after) {
        assert_eq!((&name, shard, held_until), (&now.0, now.1, now.3), "the rows were not made again");
        assert!(now.2 >= sequence);
    }
    assert!(installation.json(&["log", "verify"]).iter().all(|shard| shard["whole"] == true));
    let sessions: i64 = sqlx::query_scalar("SELECT count(*) FROM session").fetch_one(&rows).await.unwrap();
    assert_eq!(sessions, 6);
    let facts: Value = serde_json::from_str(&fs::read_to_string(Path::new(FORMAT_1).join("facts.json")).unwrap()).unwrap();
    for agent in ["0", "1"].map(|agent| &facts[agent]) {
        let connected = Agent::connect(installation.url(), agent["key"].as_str().unwrap()).await;
        let gone = connected.ask("temp_chat_get_link", json!({"link_id": agent["gone"]})).await;
        assert_eq!(gone["status"], "revoked");
        let told = connected.is_refused("temp_chat_read_messages", json!({"session_id": agent["gone_session"]})).await;
        assert!(told.starts_with("session_erased"), "{told}");
    }
}

/// Every checkpoint: its projection, shard, sequence and the end when its rows were begun.
async fn checkpoints(rows: &PgPool) -> Vec<(String, i32, i64, i64)> {
    let all = "SELECT projection, shard, sequence, held_until FROM checkpoint ORDER BY projection, shard";
    sqlx::query_as(all).fetch_all(rows).await.unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if entry.is_dir() {
            copy(&entry, &to.join(name));
        } else {
            fs::copy(&entry, to.join(name)).unwrap();
        }
    }
}
