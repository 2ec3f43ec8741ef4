use command_service::{NewLink, Refusal};
use domain::{link, session};
use futures_util::future::join_all;
use nats::Actor;

use crate::world::{Process, World, an_hour, client};

/// Posts `count` different messages at once, by turns from two processes; returns the refusals.
async fn post_at_once(processes: &[Process; 2], new: NewLink, count: usize) -> (Vec<Refusal>, usize) {
    let chat = processes[0].chat(new).await;
    let posts = (0..count).map(|n| {
        let commands = processes[n % 2].commands.clone();
        tokio::spawn(async move { commands.post(chat.address(), Actor::Chatter, &n.to_string(), "hello").await })
    });
    let answers = join_all(posts).await.into_iter().map(Result::unwrap);
    let refusals = answers.filter_map(Result::err).collect();
    let said = processes[0].names(chat.address()).await.iter().filter(|name| **name == "session.message_posted").count();
    (refusals, said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_takes_exactly_as_many_messages_as_its_link_grants() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let new = NewLink { max_messages_per_session: 20, ..an_hour() };
    let (refusals, said) = post_at_once(&processes, new, 60).await;
    assert_eq!((said, refusals.len()), (20, 40));
    for refusal in refusals {
        assert!(matches!(refusal, Refusal::Session(session::Rejection::MessageLimit { limit: 20 })), "{refusal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minute_takes_exactly_as_many_messages_as_its_link_grants() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let new = NewLink { messages_per_minute: 10, ..an_hour() };
    let (refusals, said) = post_at_once(&processes, new, 60).await;
    assert_eq!((said, refusals.len()), (10, 50));
    for refusal in refusals {
        assert!(matches!(refusal, Refusal::Session(session::Rejection::RateLimited { .. })), "{refusal}");
    }
}

/// Lets 50 people in at once, by turns through two processes; returns the refusals.
async fn join_at_once(new: NewLink) -> Vec<Refusal> {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let agent = processes[0].agent().await;
    let link = processes[0].link(agent, new).await;
    let joins = (0..50).map(|n| {
        let commands = processes[n % 2].commands.clone();
        tokio::spawn(async move { commands.join(&client(agent, link, &n.to_string())).await })
    });
    let refusals: Vec<_> = join_all(joins).await.into_iter().filter_map(|joined| joined.unwrap().err()).collect();
    let state = world.process().await.commands.link(agent, link).await.unwrap();
    assert_eq!(state.admissions.len() + refusals.len(), 50);
    assert_eq!(state.admitted as usize, state.admissions.len());
    processes[0].commits().await;
    refusals
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_fill_exactly_the_places_there_are() {
    let refusals = join_at_once(NewLink { max_sessions_at_once: 7, ..an_hour() }).await;
    assert_eq!(refusals.len(), 43);
    assert!(refusals.iter().all(|refusal| matches!(refusal, Refusal::Link(link::Rejection::Full { limit: 7 }))), "{refusals:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_use_up_exactly_the_sessions_there_are() {
    let refusals = join_at_once(NewLink { max_sessions_total: Some(5), ..an_hour() }).await;
    assert_eq!(refusals.len(), 45);
    assert!(
        refusals.iter().all(|refusal| matches!(refusal, Refusal::Link(link::Rejection::UsedUp { limit: 5 }))),
        "{refusals:?}"
    );
}
