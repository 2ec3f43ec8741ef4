//! A row of `unread` is there exactly while a session holds something that a key was not given: whatever comes in which order.

use domain::agent::{self, Agent, Grant};
use domain::session::{self, Author, EndReason, Reader};
use domain::{Address, Millis, Target};
use nats::Actor;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgPool};

use crate::dump::rows;
use crate::story::{Story, agent, key, link, session};
use crate::world::World;

const UNREAD: &str = "SELECT to_jsonb(row) FROM unread AS row";

/// The step of the migration that makes the rows from all others.
fn from_all_others() -> &'static str {
    let migration = include_str!("../../../migrations/sql/0008_what_lives.sql");
    let begin = migration.find("INSERT INTO unread").unwrap();
    let end = migration[begin..].find(';').unwrap();
    &migration[begin..begin + end]
}

/// The rows as they are, which are those that the migration would make.
async fn unread(pool: &PgPool) -> Vec<Value> {
    let projected = rows(pool, UNREAD).await;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "BEGIN; CREATE TABLE kept AS TABLE unread; TRUNCATE unread; {}; COMMIT",
        from_all_others()
    )))
    .execute(pool)
    .await
    .unwrap();
    assert_eq!(projected, rows(pool, UNREAD).await);
    sqlx::raw_sql("DROP TABLE kept").execute(pool).await.unwrap();
    projected
}

/// Whether there is something new to a key of agent 1 in a session, and since which commit.
async fn since(pool: &PgPool, n: u8, m: u8) -> Option<u64> {
    unread(pool).await;
    let Target::Session(session) = session(1, m).target else { panic!("not a session") };
    let since: Option<i64> = sqlx::query_scalar("SELECT since FROM unread WHERE session = $1 AND key = $2")
        .bind(sqlx::types::Uuid::from_bytes(*session.bytes()))
        .bind(sqlx::types::Uuid::from_bytes(*key(n).bytes()))
        .fetch_optional(pool)
        .await
        .unwrap();
    since.map(|since| u64::try_from(since).unwrap())
}

async fn issue(story: &mut Story, n: u8, grant: Grant) {
    let issue = agent::Command::IssueKey { key: key(n), name: format!("key {n}"), hash: [n; 32], grant };
    story.tell::<Agent>(Address::agent(agent(1)), None, issue).await;
}

async fn mark(story: &mut Story, n: u8, m: u8, upto: u64) {
    // A session takes one mark a second.
    story.wait(Millis::seconds(1));
    story.session(session(1, m), link(1, 1), session::Command::MarkRead { by: Reader::Agent(key(n)), upto: upto.into() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_a_row_while_it_was_not_given_everything() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    let (home, chat) = (link(1, 1), session(1, 1));
    story.tell::<Agent>(Address::agent(agent(1)), None, agent::Command::Register { name: "Ada".to_owned() }).await;
    issue(&mut story, 1, Grant::default()).await;
    story.open(home).await;
    story.actor = Actor::Chatter;
    story.start(home, chat).await;
    let hello = story.say(home, chat, Author::Chatter, "hello").await;
    world.project().await;
    assert_eq!(since(&world.pool, 1, 1).await, Some(hello - 1), "since the start");

    story.actor = Actor::Agent(key(1));
    mark(&mut story, 1, 1, hello).await;
    world.project().await;
    assert_eq!(since(&world.pool, 1, 1).await, None);
    // Its own words are no news to it, and no news to it comes after them: not even once it has ended the session.
    story.say(home, chat, Author::Agent(key(1)), "good day").await;
    world.project().await;
    assert_eq!(since(&world.pool, 1, 1).await, None);

    // To a key that is issued later all is new, and what another key says.
    story.actor = Actor::Operator;
    issue(&mut story, 2, Grant::default()).await;
    issue(&mut story, 3, Grant { link: Some(domain::LinkId::new([9; 16])), ..Grant::default() }).await;
    world.project().await;
    assert_eq!((since(&world.pool, 2, 1).await, since(&world.pool, 3, 1).await), (Some(hello - 1), None));
    story.actor = Actor::Agent(key(2));
    mark(&mut story, 2, 1, hello).await;
    world.project().await;
    assert_eq!(since(&world.pool, 2, 1).await, Some(hello + 2), "the other key's words");

    // Part of what is new is read; the rest is new from there on.
    story.actor = Actor::Chatter;
    let second = story.say(home, chat, Author::Chatter, "are you there?").await;
    let third = story.say(home, chat, Author::Chatter, "hello?").await;
    story.actor = Actor::Agent(key(1));
    mark(&mut story, 1, 1, second).await;
    world.project().await;
    assert_eq!(since(&world.pool, 1, 1).await, Some(third));
    mark(&mut story, 1, 1, third).await;
    story.session(chat, home, session::Command::End { reason: EndReason::AgentEnded, farewell: None }).await;
    world.project().await;
    assert_eq!(since(&world.pool, 1, 1).await, None);

    story.actor = Actor::Operator;
    story.tell::<Agent>(Address::agent(agent(1)), None, agent::Command::RevokeKey { key: key(2) }).await;
    world.project().await;
    assert_eq!(unread(&world.pool).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_rows_are_those_that_can_be_made_of_all_others() {
    let world = World::start().await;
    let mut story = Story::on(&world.backbone);
    for n in 1..=3 {
        story.all(n, 5).await;
    }
    issue(&mut story, 9, Grant::default()).await;
    world.project().await;
    assert!(unread(&world.pool).await.len() > 5);
}
