//! History in pages: forwards and backwards each event once, and an explicit reset where a place does not exist.

use domain::session::{Author, Event, Reader};
use nats::{Field, Position, Shard, Text};
use query_service::{EventPage, EventsError, Filter, Freshness, Range, Scope, Viewer};

use crate::world::{ANY, World, agent, key, link, session, talk};

const ADA: Viewer = Viewer::Agent(agent(1));

/// Two sessions of one link that talk across each other, one of another link; some commits hold several events.
async fn busy() -> World {
    let world = World::start().await;
    world.agent(agent(1), "Ada").await;
    for n in [1, 2] {
        world.link(agent(1), link(n)).await;
    }
    for talk in [talk(1, 1), talk(1, 2), talk(2, 3)] {
        world.session(talk.agent, talk.link, talk.session).await;
    }
    for round in 0..5 {
        world.say(talk(1, 1), Author::Chatter, &[&format!("a{round}"), &format!("b{round}"), &format!("c{round}")]).await;
        world.say(talk(1, 2), Author::Agent(key(agent(1))), &["elsewhere"]).await;
        world.say(talk(2, 3), Author::Chatter, &["on another link"]).await;
    }
    world.reach(agent(1), 100).await;
    world
}

fn positions(page: &EventPage) -> Vec<(u64, u16)> {
    page.facts.iter().map(|fact| (fact.position.sequence, fact.position.index)).collect()
}

fn text(page: &EventPage, n: usize) -> String {
    let fact = &page.facts[n];
    let nats::AnyEvent::Session(Event::MessagePosted { text, .. }) = &fact.event else { panic!("{:?}", fact.event) };
    match page.vaults.of(fact.address).open(Field::Message, 0, &text.bytes).unwrap() {
        Text::Open(text) => text,
        Text::Erased => "(erased)".to_owned(),
    }
}

#[tokio::test]
async fn pages_forwards_and_backwards_hold_each_event_once() -> Result<(), EventsError> {
    let world = busy().await;
    let whole = world.queries.events(ADA, session(1), Range::After(None), Filter::default(), 100, ANY).await?.value;
    assert_eq!((whole.facts.len(), whole.has_more), (15, false));
    assert_eq!((text(&whole, 0).as_str(), text(&whole, 14).as_str()), ("a0", "c4"));
    assert!(whole.facts.iter().all(|fact| fact.link == Some(link(1)) && fact.id().to_string().starts_with("evt_")));
    let all = positions(&whole);

    for limit in [1, 2, 7, 15] {
        let (mut forwards, mut after) = (vec![], None);
        loop {
            let page = world.queries.events(ADA, session(1), Range::After(after), Filter::default(), limit, ANY).await?.value;
            forwards.extend(positions(&page));
            after = page.facts.last().map(|fact| fact.position);
            if !page.has_more {
                break;
            }
        }
        assert_eq!(forwards, all, "forwards by {limit}");

        let (mut backwards, mut range) = (vec![], Range::Newest);
        loop {
            let page = world.queries.events(ADA, session(1), range, Filter::default(), limit, ANY).await?.value;
            backwards.splice(0..0, positions(&page));
            if !page.has_more {
                break;
            }
            range = Range::Before(page.facts.first().unwrap().position);
        }
        assert_eq!(backwards, all, "backwards by {limit}");
    }
    Ok(())
}

#[tokio::test]
async fn a_filter_leaves_out_kinds_and_what_a_key_did() -> Result<(), EventsError> {
    let world = busy().await;
    let mark = Event::MarkedRead { by: Reader::Chatter, upto: 1 };
    world.event(talk(1, 1), world.sequence(), 0, Author::Chatter, mark).await;
    let read = async |n, filter| -> Result<usize, EventsError> {
        let forwards = world.queries.events(ADA, session(n), Range::After(None), filter, 100, ANY).await?.value.facts.len();
        let backwards = world.queries.events(ADA, session(n), Range::Newest, filter, 100, ANY).await?.value.facts.len();
        assert_eq!(forwards, backwards);
        Ok(forwards)
    };
    let posted = Some(&["session.message_posted"][..]);
    assert_eq!(read(1, Filter::default()).await?, 16);
    assert_eq!(read(1, Filter { types: posted, not_by: None }).await?, 15);
    assert_eq!(read(1, Filter { types: None, not_by: Some(key(agent(1))) }).await?, 16);
    assert_eq!(read(2, Filter { types: posted, not_by: None }).await?, 5);
    assert_eq!(read(2, Filter { types: posted, not_by: Some(key(agent(2))) }).await?, 5);
    assert_eq!(read(2, Filter { types: posted, not_by: Some(key(agent(1))) }).await?, 0);
    assert_eq!(read(2, Filter { types: None, not_by: Some(key(agent(1))) }).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_place_that_the_log_does_not_have_is_a_reset() {
    let world = busy().await;
    let ask = async |position| {
        let range = Range::After(Some(position));
        world.queries.events(ADA, session(1), range, Filter::default(), 10, Freshness::at_least(1)).await
    };
    let shard = world.backbone.shard_of(agent(1));
    let other = Shard(1 - shard.0);
    assert!(matches!(ask(Position { shard: other, sequence: 1, index: 0 }).await, Err(EventsError::Reset)));
    // The log of this test holds less than its rows pretend.
    assert!(matches!(ask(Position { shard, sequence: 101, index: 0 }).await, Err(EventsError::Reset)));
    assert!(ask(Position { shard, sequence: 100, index: 0 }).await.unwrap().value.facts.is_empty());
}

#[tokio::test]
async fn what_no_key_has_acknowledged_comes_again() {
    let world = busy().await;
    let (queries, key) = (&world.queries, key(agent(1)));
    let pending = async |scope, limit| {
        queries.unacknowledged(agent(1), scope, key, &["session.message_posted"], limit, ANY).await.unwrap().value
    };
    assert_eq!(pending(Scope::Agent, 100).await.facts.len(), 20);
    let page = pending(Scope::Agent, 3).await;
    assert!(page.has_more && page.facts.is_sorted_by_key(|fact| fact.position));
    assert_eq!((page.facts.len(), text(&page, 2).as_str()), (3, "c0"));

    // Two of five rounds are read in the one session, nothing in the other.
    let second = pending(Scope::Session(session(1)), 4).await.facts[3].position.sequence;
    world.read(talk(1, 1), Some(key), second).await;
    assert_eq!(pending(Scope::Session(session(1)), 100).await.facts.len(), 9);
    assert_eq!(pending(Scope::Link(link(2)), 100).await.facts.len(), 5);
    assert_eq!(pending(Scope::Agent, 100).await.facts.len(), 14);

    world
        .sql("UPDATE session SET status = 'erased' WHERE link = (SELECT id FROM link ORDER BY opened_sequence DESC LIMIT 1)")
        .await;
    assert_eq!(pending(Scope::Agent, 100).await.facts.len(), 9);
}
