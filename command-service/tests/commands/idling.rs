use command_service::{NewLink, Refusal};
use domain::link::{self, Link};
use domain::session::{Event, Session};
use domain::{KeyId, Millis};
use nats::Actor;

use crate::world::{Chat, Process, World, an_hour};

/// Lets a chat fall idle and lose its place, as the worker does.
pub(crate) async fn fall_idle(process: &Process, chat: Chat) {
    process.record::<Session>(chat.address(), chat.link, vec![Event::WentIdle], Millis(0)).await;
    let released = link::Event::Released { session: chat.session, unused: false, spent: None };
    process.record::<Link>(chat.at_link(), chat.link, vec![released], Millis(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chatters_word_brings_an_idle_chat_back_into_a_place() {
    let world = World::start().await;
    let (process, other) = (world.process().await, world.process().await);
    let chat = process.chat(NewLink { max_sessions_at_once: 1, ..an_hour() }).await;
    fall_idle(&other, chat).await;
    let receipt = world.process().await.commands.post(chat.address(), Actor::Chatter, "1", "still here").await.unwrap();
    assert!(!receipt.replayed);
    let names = process.names(chat.address()).await;
    assert_eq!(names, ["session.started", "session.went_idle", "session.resumed", "session.message_posted"]);
    let names = process.names(chat.at_link()).await;
    assert_eq!(names, ["link.opened", "link.admitted", "link.released", "link.admitted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_chat_whose_place_is_taken_waits_outside() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(NewLink { max_sessions_at_once: 1, ..an_hour() }).await;
    fall_idle(&process, chat).await;
    let fresh = world.process().await;
    fresh.chat_on(chat.agent, chat.link, "another").await;
    let refused = fresh.commands.post(chat.address(), Actor::Chatter, "1", "still here").await;
    assert!(matches!(refused, Err(Refusal::Link(link::Rejection::Full { limit: 1 }))), "{refused:?}");
    assert_eq!(fresh.names(chat.address()).await, ["session.started", "session.went_idle"]);
    // The agent's word needs no place.
    fresh.commands.post(chat.address(), Actor::Agent(KeyId::new([1; 16])), "1", "are you there?").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_chat_that_still_holds_its_place_keeps_it() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(NewLink { max_sessions_at_once: 1, ..an_hour() }).await;
    process.record::<Session>(chat.address(), chat.link, vec![Event::WentIdle], Millis(0)).await;
    let fresh = world.process().await;
    fresh.commands.post(chat.address(), Actor::Chatter, "1", "still here").await.unwrap();
    // Reserved anew, so that the release that is already on its way comes too early.
    assert_eq!(fresh.names(chat.at_link()).await, ["link.opened", "link.admitted", "link.admitted"]);
}
