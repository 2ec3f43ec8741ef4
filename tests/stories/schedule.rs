//! What falls due, and what failed for good: an operator sees it, is warned of it, and has it tried again.

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::support::{Installation, until};

/// Does in the rows what twenty failures would have done.
async fn kill(installation: &Installation, purpose: &str) {
    let url = std::fs::read_to_string(installation.data().join("postgres.url")).unwrap();
    let mut connection = PgConnection::connect(url.trim()).await.unwrap();
    let statement = format!(
        "UPDATE scheduled SET dead_at = now(), attempts = 20, last_error = 'it was dark', due_at = now() + INTERVAL '1 hour' WHERE purpose = '{purpose}'"
    );
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
}

async fn warnings(installation: &Installation) -> Vec<Value> {
    let ready = installation.visitor().get("/readyz").await.expect(200);
    assert_eq!(ready["ready"], true);
    ready["warnings"].as_array().unwrap().clone()
}

fn list(installation: &Installation, options: &[&str]) -> Value {
    installation.json(&[&["schedule", "list"], options].concat()).remove(0)
}

// A command that is waited for holds up a thread.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_failed_is_not_forgotten_in_silence() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await;
    chatter.post("/end", &json!({})).await.expect(200);
    let session = chatter.session.as_str();
    let scheduled = until("the erasure in the schedule", async || {
        let listed = list(&installation, &["--session", session]);
        listed["commands"].as_array().unwrap().iter().find(|command| command["purpose"] == "erase").cloned()
    })
    .await;
    assert_eq!(
        (&scheduled["target_id"], &scheduled["attempts"], &scheduled["dead_at"]),
        (&json!(session), &json!(0), &Value::Null)
    );
    assert_eq!(scheduled["due_at"].as_str().unwrap().len(), "2026-01-31T12:00:00.000Z".len());
    assert_eq!(warnings(&installation).await, [Value::Null; 0]);
    let refused = installation.run(&["schedule", "retry", session]);
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && error.contains(session) && error.contains("tempchat schedule list --dead"), "{error}");

    kill(&installation, "erase").await;
    let warned = warnings(&installation).await;
    assert_eq!((warned.len(), &warned[0]["code"], &warned[0]["count"]), (1, &json!("erasures_failing"), &json!(1)));
    assert!(warned[0]["detail"].as_str().unwrap().contains("tempchat schedule list --dead"), "{warned:?}");
    let dead = list(&installation, &["--dead"]);
    assert_eq!(dead["commands"].as_array().unwrap().len(), 1, "{dead}");
    assert_eq!((&dead["commands"][0]["target_id"], &dead["commands"][0]["last_error"]), (&json!(session), &json!("it was dark")));
    let plain = String::from_utf8(installation.run(&["schedule", "list", "--dead"]).stdout).unwrap();
    assert!(plain.contains("it was dark") && plain.contains("schedule retry"), "{plain}");

    let retried = installation.json(&["schedule", "retry", session]).remove(0);
    assert_eq!(retried["retried"][0]["target_id"], session);
    // The worker takes it up, and the session says that its time has not come.
    let again = until("the end of the trouble", async || {
        let listed = list(&installation, &["--session", session]);
        let erasure = listed["commands"].as_array().unwrap().iter().find(|command| command["purpose"] == "erase").cloned();
        erasure.filter(|erasure| erasure["due_at"] == scheduled["due_at"])
    })
    .await;
    assert_eq!((&again["dead_at"], &again["last_error"]), (&Value::Null, &Value::Null));
    assert_eq!(warnings(&installation).await, [Value::Null; 0]);
    assert_eq!(installation.json(&["schedule", "retry", "--all"]).remove(0)["retried"], json!([]));
}

#[test]
fn the_schedule_says_what_it_cannot_read() {
    let installation = Installation::shared();
    for (arguments, said) in [
        (&["schedule", "retry"][..], "--all"),
        (&["schedule", "retry", "evt_1"], "ses_"),
        (&["schedule", "list", "--limit", "5000"], "1000"),
    ] {
        let refused = installation.run(arguments);
        let error = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && error.contains(said), "{arguments:?}: {error}");
    }
}
