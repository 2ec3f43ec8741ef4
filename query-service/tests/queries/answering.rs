//! What became of a link's question, and of its recipients: counted from masks.

use domain::QuestionId;
use domain::session::{Author, Event};
use nats::AnyEvent;

use crate::world::{ANY, World, agent, link, session, talk, uuid};

const QUESTION: QuestionId = QuestionId::new([1; 16]);

/// Three chats that were asked the same three fields, of which the first is answered.
async fn three_talks() -> World {
    let world = World::start().await;
    world.agent(agent(1), "Ada").await;
    world.link(agent(1), link(1)).await;
    for n in 1..=3 {
        world.session(agent(1), link(1), session(n)).await;
        world.ask(talk(1, n), QUESTION).await;
    }
    world
}

#[tokio::test]
async fn each_field_is_counted_by_its_bit() {
    let world = three_talks().await;
    let id = |n| uuid(session(n).bytes());
    world.sql(format!("UPDATE question SET answered = 7, answers = 2 WHERE session = '{}'", id(1))).await;
    world.sql(format!("UPDATE question SET answered = 0, answers = 0 WHERE session = '{}'", id(2))).await;
    let counted = world.queries.link_answers(agent(1), link(1), Some(QUESTION), ANY).await.unwrap().value;
    assert_eq!((counted.asked, counted.complete), (3, 1));
    assert_eq!(counted.answered, [2, 1, 1, 0, 0, 0, 0, 0]);
    let mut sessions = counted.sessions;
    sessions.sort();
    assert_eq!(sessions, [session(1), session(3)]);
    // Another question, another link, another agent: nothing.
    let other = world.queries.link_answers(agent(1), link(1), Some(QuestionId::new([2; 16])), ANY).await.unwrap().value;
    assert_eq!((other.asked, other.sessions.len()), (0, 0));
    let other = world.queries.link_answers(agent(2), link(1), Some(QUESTION), ANY).await.unwrap().value;
    assert_eq!(other.asked, 0);
}

#[tokio::test]
async fn a_recipient_is_done_with_every_required_field_or_with_a_word_where_nothing_was_asked() {
    let world = three_talks().await;
    for n in 1..=3 {
        world
            .sql(format!("UPDATE session SET recipient = {n}, last_chatter_at = NULL WHERE id = '{}'", uuid(session(n).bytes())))
            .await;
    }
    world.sql(format!("UPDATE question SET answered = 7 WHERE session = '{}'", uuid(session(2).bytes()))).await;
    let done = async |question| world.queries.link_answers(agent(1), link(1), question, ANY).await.unwrap().value.done;
    assert_eq!(done(Some(QUESTION)).await, [2]);
    assert_eq!(done(None).await, [0; 0]);
    world.sql(format!("UPDATE session SET last_chatter_at = now() WHERE id = '{}'", uuid(session(3).bytes()))).await;
    assert_eq!(done(None).await, [3]);
    // Half an answer is not what was asked for.
    assert_eq!(done(Some(QUESTION)).await, [2]);
}

#[tokio::test]
async fn the_newest_answers_come_oldest_first() {
    let world = three_talks().await;
    let values = |text: &str| domain::Sealed {
        bytes: text.as_bytes().to_vec().into(),
        characters: 1,
        fingerprint: domain::Fingerprint::new([0; 16]),
    };
    for (n, text) in [(1, "a"), (2, "b"), (1, "c"), (3, "d")] {
        let event = Event::QuestionAnswered { question: QUESTION, values: values(text), answered: 1, withdrawn: 0, missing: 0 };
        world.event(talk(1, n), world.sequence(), 0, Author::Chatter, event).await;
        world.say(talk(1, n), Author::Chatter, &["by the way"]).await;
    }
    let page = world.queries.answers(agent(1), &[session(1), session(2)], 2, ANY).await.unwrap().value;
    let told = page.facts.iter().map(|fact| match &fact.event {
        AnyEvent::Session(Event::QuestionAnswered { values, .. }) => values.bytes.clone(),
        AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_) => panic!("{fact:?} is no answer"),
    });
    assert_eq!(told.collect::<Vec<_>>(), ["b", "c"]);
    assert!(page.has_more);
}
