//! Words are opened while their key is there and their time is not over, and are absent after.

use domain::Address;
use domain::session::{Author, Event};
use nats::{AnyEvent, Field, Text};
use query_service::{Error, Filter, Range, Viewer};

use crate::world::{ANY, World, agent, link, session, talk};

const ADA: Viewer = Viewer::Agent(agent(1));

async fn one_talk() -> World {
    let world = World::start().await;
    world.agent(agent(1), "Ada").await;
    world.link(agent(1), link(1)).await;
    world.session(agent(1), link(1), session(1)).await;
    world.say(talk(1, 1), Author::Chatter, &["hello"]).await;
    world
}

async fn message(world: &World) -> Text {
    let page = world.queries.events(ADA, session(1), Range::Newest, Filter::default(), 10, ANY).await.unwrap().value;
    let fact = page.facts.last().unwrap();
    let AnyEvent::Session(Event::MessagePosted { text, .. }) = &fact.event else { panic!("{fact:?}") };
    page.vaults.of(fact.address).open(Field::Message, 0, &text.bytes).unwrap()
}

#[tokio::test]
async fn words_are_there_until_their_key_is_destroyed() {
    let world = one_talk().await;
    let view = world.queries.link(agent(1), link(1), ANY).await.unwrap().value.unwrap();
    let texts: Vec<_> = view.settings.texts().map(|text| text.as_deref()).collect();
    let names = ["title", "purpose", "description", "welcome_message", "agent_name"].map(Some);
    assert_eq!(texts, names.into_iter().chain([None]).collect::<Vec<_>>(), "a passcode's verifier is never opened");
    let view = world.queries.session(ADA, session(1), ANY).await.unwrap().value.unwrap();
    assert_eq!((view.display_name.as_deref(), view.feedback.as_deref()), (Some("display_name"), Some("feedback")));
    assert!(!format!("{view:?}").contains("display_name\""), "nothing prints words by mistake");
    assert_eq!(message(&world).await, Text::Open("hello".into()));

    // The rows may still hold what was sealed: without the key it is nothing.
    for owner in [Address::link(agent(1), link(1)), Address::session(agent(1), session(1))] {
        world.backbone.keys().destroy(owner).await.unwrap();
    }
    let view = world.queries.link(agent(1), link(1), ANY).await.unwrap().value.unwrap();
    assert!(view.settings.texts().all(Option::is_none));
    let view = world.queries.session(ADA, session(1), ANY).await.unwrap().value.unwrap();
    assert_eq!([view.display_name, view.feedback, view.title], [None, None, None]);
    assert_eq!(view.agent_name.as_deref(), Some("Ada"), "an agent's own name is not the link's to erase");
    assert_eq!(message(&world).await, Text::Erased);
}

#[tokio::test]
async fn a_dead_timer_keeps_no_word_readable() {
    let world = one_talk().await;
    world.sql("UPDATE session SET status = 'ended', ended_at = date_trunc('milliseconds', now()) - INTERVAL '1 day', end_reason = 'agent_ended', erase_at = date_trunc('milliseconds', now())").await;
    let view = world.queries.session(ADA, session(1), ANY).await.unwrap().value.unwrap();
    assert_eq!([view.display_name, view.feedback], [None, None]);
    assert_eq!(message(&world).await, Text::Erased);

    // Nor one that never ended the session.
    world
        .sql("UPDATE session SET status = 'active', ended_at = NULL, erase_at = NULL, expires_at = date_trunc('milliseconds', now()) - INTERVAL '1 day'")
        .await;
    assert_eq!(message(&world).await, Text::Erased);
    world.sql("UPDATE session SET expires_at = now() - INTERVAL '23 hours'").await;
    assert_eq!(message(&world).await, Text::Open("hello".into()));
}

#[tokio::test]
async fn an_altered_text_is_an_error_and_no_erasure() {
    let world = one_talk().await;
    world.change_settings(|settings| settings.title = settings.purpose.clone().unwrap()).await;
    let refused = world.queries.link(agent(1), link(1), ANY).await.unwrap_err();
    assert!(matches!(refused, Error::Text { owner, .. } if owner == Address::link(agent(1), link(1))), "{refused}");
}
