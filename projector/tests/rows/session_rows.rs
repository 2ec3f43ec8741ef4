//! What a session's life leaves in its rows.

use domain::Millis;
use domain::session::{Author, Command, EndReason, Reader, Wish};
use serde_json::{Value, json};

use crate::dump::{row, rows};
use crate::story::{Story, key, link, question, sealed, session};
use crate::world::World;

/// The named columns of the only row of `table`; times as seconds after the session's start.
async fn columns(world: &World, table: &str, columns: &str) -> Value {
    world.project().await;
    row(&world.pool, &format!("SELECT to_jsonb(row) FROM (SELECT {columns} FROM {table}) AS row")).await
}

async fn started(world: &World) -> Story {
    let mut story = Story::on(&world.backbone);
    story.open(link(1, 1)).await;
    story.start(link(1, 1), session(1, 1)).await;
    story
}

fn seconds(columns: &[&str]) -> String {
    columns
        .iter()
        .map(|column| format!("extract(EPOCH FROM {column} - started_at)::INT AS {column}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_how_much_and_who_waits_for_whom() {
    let world = World::start().await;
    let mut story = started(&world).await;
    let told = format!(
        "chatter_messages, agent_messages, {}",
        seconds(&["last_word_at", "last_chatter_at", "last_agent_at", "first_chatter_at", "first_reply_at", "owed_since"])
    );
    // What the agent says first is no reply.
    story.say(link(1, 1), session(1, 1), Author::Agent(key(1)), "welcome").await;
    story.wait(Millis::seconds(10));
    story.say(link(1, 1), session(1, 1), Author::Chatter, "hello").await;
    story.wait(Millis::seconds(10));
    story.say(link(1, 1), session(1, 1), Author::Chatter, "anyone?").await;
    let mut expected = json!({
        "chatter_messages": 2, "agent_messages": 1, "last_word_at": 20, "last_chatter_at": 20, "last_agent_at": 0,
        "first_chatter_at": 10, "first_reply_at": null, "owed_since": 10,
    });
    assert_eq!(columns(&world, "session", &told).await, expected);
    for (at, first_reply_at) in [(30, 30), (40, 30)] {
        story.wait(Millis::seconds(10));
        story.say(link(1, 1), session(1, 1), Author::Agent(key(1)), "yes").await;
        for (column, value) in [
            ("agent_messages", json!(at / 10 - 1)),
            ("last_word_at", json!(at)),
            ("last_agent_at", json!(at)),
            ("first_reply_at", json!(first_reply_at)),
            ("owed_since", json!(null)),
        ] {
            expected[column] = value;
        }
        assert_eq!(columns(&world, "session", &told).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_start_to_erasure() {
    let world = World::start().await;
    let mut story = started(&world).await;
    let (at_link, at_session) = (link(1, 1), session(1, 1));
    let told = format!(
        "status, end_reason, rating, encode(display_name, 'escape') AS name, {}",
        seconds(&["expires_at", "ended_at", "erase_at", "erased_at"])
    );
    let mut expected = json!({
        "status": "active", "end_reason": null, "rating": null, "name": "name", "expires_at": 3_600, "ended_at": null, "erase_at": null,
        "erased_at": null,
    });
    assert_eq!(columns(&world, "session", &told).await, expected);
    story.wait(Millis::minutes(30));
    story.session(at_session, at_link, Command::GoIdle).await;
    expected["status"] = json!("idle");
    assert_eq!(columns(&world, "session", &told).await, expected);
    story.session(at_session, at_link, Command::Resume { start_before: story.now + Millis::minutes(1) }).await;
    let expires_at = story.now + Millis::minutes(60);
    story.session(at_session, at_link, Command::Reschedule { expires_at }).await;
    expected["status"] = json!("active");
    expected["expires_at"] = json!(5_400);
    assert_eq!(columns(&world, "session", &told).await, expected);
    story.session(at_session, at_link, Command::End { reason: EndReason::AgentEnded, farewell: Some(sealed("goodbye")) }).await;
    story.session(at_session, at_link, Command::Rate { rating: 5, feedback: Some(sealed("fine")) }).await;
    expected["status"] = json!("ended");
    expected["end_reason"] = json!("agent_ended");
    expected["rating"] = json!(5);
    expected["ended_at"] = json!(1_800);
    expected["erase_at"] = json!(1_800 + 86_400);
    assert_eq!(columns(&world, "session", &told).await, expected);
    assert_eq!(columns(&world, "session", "encode(feedback, 'escape') AS feedback").await, json!({"feedback": "fine"}));
    story.session(at_session, at_link, Command::Erase { requested: true }).await;
    expected["status"] = json!("erased");
    expected["name"] = json!(null);
    expected["erased_at"] = json!(1_800);
    assert_eq!(columns(&world, "session", &told).await, expected);
    assert_eq!(columns(&world, "session", "feedback").await, json!({"feedback": null}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_takes_answers_until_the_agent_goes_on() {
    let world = World::start().await;
    let mut story = started(&world).await;
    let (at_link, at_session) = (link(1, 1), session(1, 1));
    let told = "fields, required, answered, answers, closed";
    let ask = Command::Ask {
        question: question(1),
        from: Author::Agent(key(1)),
        form: sealed("form"),
        fields: 2,
        required: 0b11,
        wish: Wish::default(),
    };
    story.session(at_session, at_link, ask).await;
    story
        .session(
            at_session,
            at_link,
            Command::Answer { question: question(1), values: sealed("one"), answered: 0b01, withdrawn: 0 },
        )
        .await;
    story.say(at_link, at_session, Author::Agent(key(1)), "and the other?").await;
    assert_eq!(
        columns(&world, "question", told).await,
        json!({"fields": 2, "required": 3, "answered": 1, "answers": 1, "closed": false})
    );
    story
        .session(
            at_session,
            at_link,
            Command::Answer { question: question(1), values: sealed("two"), answered: 0b10, withdrawn: 0 },
        )
        .await;
    story.say(at_link, at_session, Author::Agent(key(1)), "thank you").await;
    assert_eq!(
        columns(&world, "question", told).await,
        json!({"fields": 2, "required": 3, "answered": 3, "answers": 2, "closed": true})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_taken_back_is_none() {
    let world = World::start().await;
    let mut story = started(&world).await;
    let (at_link, at_session) = (link(1, 1), session(1, 1));
    let ask = Command::Ask {
        question: question(1),
        from: Author::Agent(key(1)),
        form: sealed("form"),
        fields: 2,
        required: 0b11,
        wish: Wish::default(),
    };
    story.session(at_session, at_link, ask).await;
    for (answered, withdrawn) in [(0b11, 0), (0b01, 0b10)] {
        let answer = Command::Answer { question: question(1), values: sealed("values"), answered, withdrawn };
        story.session(at_session, at_link, answer).await;
    }
    // It is not complete any more: it stays open.
    story.say(at_link, at_session, Author::Agent(key(1)), "why not?").await;
    let told = columns(&world, "question", "answered, answers, closed").await;
    assert_eq!(told, json!({"answered": 1, "answers": 2, "closed": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_has_one_mark() {
    let world = World::start().await;
    let mut story = started(&world).await;
    let (at_link, at_session) = (link(1, 1), session(1, 1));
    for (by, upto) in [(Reader::Chatter, 2), (Reader::Agent(key(1)), 2), (Reader::Chatter, 3), (Reader::Agent(key(2)), 3)] {
        story.wait(Millis::seconds(1));
        story.session(at_session, at_link, Command::MarkRead { by, upto: upto.into() }).await;
    }
    world.project().await;
    let marks =
        rows(&world.pool, "SELECT to_jsonb(row) FROM (SELECT substr(key::TEXT, 1, 2) AS key, upto FROM read_mark) AS row").await;
    assert_eq!(marks, [json!({"key": "01", "upto": 2}), json!({"key": "02", "upto": 3}), json!({"key": null, "upto": 3})]);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_stand_in_the_order_of_the_log() {
    let world = World::start().await;
    let mut story = started(&world).await;
    story.say(link(1, 1), session(1, 1), Author::Chatter, "hello").await;
    story
        .session(session(1, 1), link(1, 1), Command::End { reason: EndReason::AgentEnded, farewell: Some(sealed("goodbye")) })
        .await;
    world.project().await;
    let events = "SELECT to_jsonb(array_agg(concat_ws(' ', sequence, index, type, session IS NOT NULL, link IS NOT NULL) ORDER BY sequence, index)) FROM event";
    assert_eq!(
        row(&world.pool, events).await,
        json!([
            "1 0 link.opened f t",
            "2 0 link.admitted f t",
            "3 0 session.started t t",
            "3 1 session.message_posted t t",
            "4 0 session.message_posted t t",
            "5 0 session.message_posted t t",
            "5 1 session.ended t t",
        ])
    );
    let bodies: Vec<Vec<u8>> = sqlx::query_scalar("SELECT body FROM event WHERE session IS NOT NULL ORDER BY sequence, index")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    for body in bodies {
        nats::AnyEvent::from_bytes(nats::Kind::Session, &body).unwrap();
    }
}
