use command_service::{Refusal, finish_erasures};
use domain::session::{EndReason, Event, Rejection, Session};
use domain::{Address, Millis};
use nats::{Actor, AnyEvent, Text};

use crate::world::{World, an_hour, words};

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_chat_has_ended_and_its_words_are_gone_everywhere() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let chat = here.chat(an_hour()).await;
    // The other process has state and key at hand.
    there.commands.post(chat.address(), Actor::Chatter, "1", "a secret").await.unwrap();
    let receipt = here.commands.erase(chat.address(), Actor::Chatter).await.unwrap();

    let facts = here.facts(chat.address()).await;
    let names: Vec<_> = facts.iter().map(|fact| fact.event.wire_name()).collect();
    assert_eq!(names, ["session.started", "session.message_posted", "session.ended", "session.erased"]);
    assert_eq!(facts[2].event, AnyEvent::Session(Event::Ended { reason: EndReason::Erased }));
    assert_eq!((facts[3].id(), facts[3].position), (receipt.event, receipt.position));
    assert_eq!(words(&here, chat).await, [Text::Erased]);
    assert!(!here.key_owners().await.contains(&chat.address()));

    let refused = here.commands.post(chat.address(), Actor::Chatter, "2", "hello?").await;
    assert!(matches!(refused, Err(Refusal::Session(Rejection::Erased))), "{refused:?}");
    let refused = there.commands.post(chat.address(), Actor::Chatter, "2", "hello?").await;
    assert!(matches!(refused, Err(Refusal::Session(Rejection::Erased | Rejection::Ended { .. }))), "{refused:?}");
    for process in [&here, &there] {
        assert_eq!(process.commands.erase(chat.address(), Actor::Chatter).await.unwrap().event, receipt.event);
    }
    assert_eq!(here.facts(chat.address()).await.len(), 4);
    here.commits().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_broke_off_is_finished_by_a_repeat() {
    let world = World::start().await;
    let process = world.process().await;
    for steps in 1..=2 {
        let chat = process.chat(an_hour()).await;
        process.commands.end(chat.address(), Actor::Chatter, EndReason::Erased, None).await.unwrap();
        if steps > 1 {
            process.backbone.keys().destroy(chat.address()).await.unwrap();
            let refused = process.commands.post(chat.address(), Actor::Chatter, "1", "hello?").await;
            assert!(matches!(refused, Err(Refusal::Session(Rejection::Erased))), "{refused:?}");
        }
        let other = world.process().await;
        other.commands.erase(chat.address(), Actor::Chatter).await.unwrap();
        assert_eq!(other.names(chat.address()).await, ["session.started", "session.ended", "session.erased"]);
        assert!(!other.key_owners().await.contains(&chat.address()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_came_back_from_a_backup_is_destroyed_at_the_start() {
    let world = World::start().await;
    let process = world.process().await;
    let (kept, ended, erased) = (process.chat(an_hour()).await, process.chat(an_hour()).await, process.chat(an_hour()).await);
    process.commands.end(ended.address(), Actor::Chatter, EndReason::ChatterLeft, None).await.unwrap();
    process.commands.erase(erased.address(), Actor::Chatter).await.unwrap();
    process.backbone.keys().create(erased.address()).await.unwrap();
    let mut keys = process.key_owners().await;

    let restarted = world.process().await;
    assert_eq!(finish_erasures(&restarted.commands).await.unwrap(), 1);
    keys.retain(|owner| *owner != erased.address());
    let left = restarted.key_owners().await;
    assert_eq!(left.len(), keys.len());
    assert!(keys.iter().all(|owner| left.contains(owner)) && left.contains(&kept.address()));
    assert_eq!(finish_erasures(&restarted.commands).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_there_is_erased() {
    let world = World::start().await;
    let process = world.process().await;
    let nobody = Address::session(process.agent().await, domain::SessionId::new([9; 16]));
    let refused = process.commands.erase(nobody, Actor::Chatter).await;
    assert!(matches!(refused, Err(Refusal::Session(Rejection::Unknown))), "{refused:?}");

    let chat = process.chat(an_hour()).await;
    let ended = Event::Ended { reason: EndReason::LinkExpired };
    process.record::<Session>(chat.address(), chat.link, vec![ended], Millis(0)).await;
    let other = world.process().await;
    other.commands.rate(chat.address(), 1, Some("too short")).await.unwrap();
    other.commands.erase(chat.address(), Actor::Chatter).await.unwrap();
    let names = other.names(chat.address()).await;
    assert_eq!(names, ["session.started", "session.ended", "session.rated", "session.erased"]);
}
