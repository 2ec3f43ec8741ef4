//! What a link's life leaves in its row.

use domain::agent::{self, Agent};
use domain::link::{Changes, Command, Release, Settings};
use domain::{Address, Millis, Sealed, session};
use serde_json::{Value, json};

use crate::dump::{row, rows};
use crate::story::{BEGIN, Story, agent, key, link, sealed, session, settings};
use crate::world::World;

/// The named columns of the only link.
async fn columns(world: &World, columns: &str) -> Value {
    world.project().await;
    row(&world.pool, &format!("SELECT to_jsonb(row) FROM (SELECT {columns} FROM link) AS row")).await
}

/// The settings of the only link.
async fn settings_of(world: &World) -> Settings {
    world.project().await;
    let document: Vec<u8> = sqlx::query_scalar("SELECT settings FROM link").fetch_one(&world.pool).await.unwrap();
    nats::settings_from_bytes(&document).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_and_its_keys_without_any_hash() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    let home = Address::agent(agent(1));
    story.tell::<Agent>(home, None, agent::Command::Register { name: "Ada".to_owned() }).await;
    story
        .tell::<Agent>(
            home,
            None,
            agent::Command::IssueKey { key: key(1), name: "first".to_owned(), hash: [9; 32], grant: agent::Grant::default() },
        )
        .await;
    story.wait(Millis::seconds(1));
    story
        .tell::<Agent>(
            home,
            None,
            agent::Command::IssueKey { key: key(2), name: "second".to_owned(), hash: [9; 32], grant: agent::Grant::default() },
        )
        .await;
    story.tell::<Agent>(home, None, agent::Command::RevokeKey { key: key(1) }).await;
    world.project().await;
    assert_eq!(
        row(&world.pool, "SELECT to_jsonb(row) FROM (SELECT name, sequence, webhook_url FROM agent) AS row").await,
        json!({"name": "Ada", "sequence": 4, "webhook_url": null})
    );
    assert_eq!(
        rows(
            &world.pool,
            "SELECT to_jsonb(row) FROM (SELECT name, revoked_at = issued_at + '1 s' AS revoked FROM agent_key) AS row"
        )
        .await,
        [json!({"name": "first", "revoked": true}), json!({"name": "second", "revoked": null})]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_as_they_are_now() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    let shown = "status, encode(title, 'escape') AS title, encode(agent_name, 'escape') AS agent_name, rotation, sequence, opened_sequence";
    assert_eq!(
        columns(&world, shown).await,
        json!({"status": "active", "title": "title", "agent_name": "agent name", "rotation": 0, "sequence": 1, "opened_sequence": 1})
    );
    let opened = settings_of(&world).await;
    assert_eq!(opened, settings(BEGIN + Millis::minutes(60)));
    let changes = Changes {
        title: Some(sealed("other")),
        agent_name: Some(None),
        passcode: Some(None),
        allowed_origins: Some(vec![]),
        ..Changes::default()
    };
    story.link(link(1, 1), Command::Update(Box::new(changes.clone()))).await;
    story.link(link(1, 1), Command::Pause).await;
    story.link(link(1, 1), Command::RotateToken).await;
    assert_eq!(
        columns(&world, shown).await,
        json!({"status": "paused", "title": "other", "agent_name": null, "rotation": 1, "sequence": 4, "opened_sequence": 1})
    );
    assert_eq!(settings_of(&world).await, changes.applied_to(&opened));
    assert_eq!(columns(&world, "expires_at = opened_at + '1 hour' AS an_hour").await, json!({"an_hour": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_admissions_count_as_the_aggregate_counts_them() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    let counts = "admitted, places_taken";
    story.open(link(1, 1)).await;
    story.start(link(1, 1), session(1, 1)).await;
    story.admit(link(1, 1), session(1, 2), false).await;
    assert_eq!(columns(&world, counts).await, json!({"admitted": 2, "places_taken": 2}));

    // The second never starts: it does not count. The first falls idle and comes back: it counts once.
    story.wait(Millis::minutes(31));
    story.release(link(1, 1), session(1, 2), Release::Unused).await;
    story.session(session(1, 1), link(1, 1), session::Command::GoIdle).await;
    story.release(link(1, 1), session(1, 1), Release::Left).await;
    assert_eq!(columns(&world, counts).await, json!({"admitted": 1, "places_taken": 0}));
    story.admit(link(1, 1), session(1, 1), true).await;
    story.wait(Millis::seconds(10));
    // A later reservation of the same place.
    story.admit(link(1, 1), session(1, 1), true).await;
    assert_eq!(columns(&world, counts).await, json!({"admitted": 1, "places_taken": 1}));
    story.wait(Millis::minutes(1));
    story.release(link(1, 1), session(1, 1), Release::Unused).await;
    assert_eq!(columns(&world, counts).await, json!({"admitted": 1, "places_taken": 0}));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_link_keeps_its_counts_and_loses_its_words() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    story.start(link(1, 1), session(1, 1)).await;
    story.link(link(1, 1), Command::Revoke { end_sessions: true, farewell: Some(sealed("goodbye")) }).await;
    assert_eq!(
        columns(&world, "status, ends_sessions, closed_at = opened_at AS closed").await,
        json!({"status": "revoked", "ends_sessions": true, "closed": true})
    );
    story.release(link(1, 1), session(1, 1), Release::Left).await;
    story.wait(Millis::minutes(1_440));
    story.link(link(1, 1), Command::Erase).await;
    assert_eq!(story.now, BEGIN + Millis::minutes(1_440));
    assert_eq!(
        columns(&world, "status, erased_at = opened_at + '1 day' AS erased, coalesce(title, agent_name) AS words, admitted")
            .await,
        json!({"status": "erased", "erased": true, "words": null, "admitted": 1})
    );
    let left = settings_of(&world).await;
    assert!(left.texts().all(|text| *text == Sealed::blank()));
    assert_eq!(left, settings(left.expires_at).without_texts());
}
