//! How links and sessions stand is judged by the clock: no timer needs to have fired.

use domain::Millis;
use domain::session::EndReason;
use query_service::{LinkStatus, Scope, SessionFilter, SessionStatus, Viewer};

use crate::world::{ANY, World, agent, key, link, session, talk};

#[tokio::test]
async fn a_link_shows_every_setting_and_counts_its_sessions() {
    let world = World::start().await;
    let opened = world.link(agent(1), link(1)).await;
    for n in [1, 2] {
        world.session(agent(1), link(1), talk(1, n).session).await;
    }
    world.sql("UPDATE session SET status = 'idle', owed_since = now() WHERE started_sequence = 2").await;
    let view = world.queries.link(agent(1), link(1), ANY).await.unwrap().value.unwrap();
    assert_eq!((view.id, view.agent, view.status), (link(1), agent(1), LinkStatus::Active));
    assert_eq!((view.max_sessions_at_once, view.max_sessions_total), (3, None));
    assert_eq!((view.max_messages_per_session, view.messages_per_minute), (100, 10));
    assert_eq!((view.idle_timeout, view.keep_after_end), (Millis::minutes(30), Millis::minutes(1440)));
    assert_eq!(
        (view.language.as_deref(), view.allowed_origins.as_slice()),
        (Some("de"), ["https://shop.example".to_owned()].as_slice())
    );
    assert_eq!((view.has_passcode, view.rotation, view.closed_at), (true, 1, None));
    assert_eq!((view.position, view.sequence), (world.position(agent(1), opened, 0), opened));
    let counts = view.counts;
    assert_eq!((counts.admitted, counts.places_taken), (2, 1));
    assert_eq!((counts.active, counts.idle, counts.waiting_for_agent), (1, 1, 1));
}

#[tokio::test]
async fn a_link_past_its_time_has_expired() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    let status = async || world.queries.link(agent(1), link(1), ANY).await.unwrap().value.unwrap().status;
    for before in ["active", "paused"] {
        world.sql(format!("UPDATE link SET status = '{before}', expires_at = date_trunc('milliseconds', now())")).await;
        assert_eq!(status().await, LinkStatus::Expired);
    }
    let expired = world.queries.links(agent(1), Some(LinkStatus::Expired), None, 10, ANY).await.unwrap().value;
    assert_eq!(expired.items.len(), 1);
    assert_eq!(world.queries.links(agent(1), Some(LinkStatus::Paused), None, 10, ANY).await.unwrap().value.items, []);

    world.sql("UPDATE link SET status = 'revoked', closed_at = now()").await;
    assert_eq!(status().await, LinkStatus::Revoked);
    // What it came to stays known after the words are gone.
    world.sql("UPDATE link SET status = 'erased', erased_at = now(), closed_at = expires_at").await;
    assert_eq!(status().await, LinkStatus::Expired);
    world.sql("UPDATE link SET closed_at = expires_at - INTERVAL '1 minute'").await;
    assert_eq!(status().await, LinkStatus::Revoked);
}

#[tokio::test]
async fn a_session_past_its_time_has_ended() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    world.session(agent(1), link(1), session(1)).await;
    let show = async || world.queries.session(Viewer::Agent(agent(1)), session(1), ANY).await.unwrap().value.unwrap();
    let view = show().await;
    assert_eq!((view.status, view.end_reason, view.ended_at), (SessionStatus::Active, None, None));
    assert_eq!((view.messages_left, view.erase_at), (3, view.expires_at + Millis::minutes(1440)));

    world.sql("UPDATE session SET status = 'idle', expires_at = date_trunc('milliseconds', now())").await;
    let view = show().await;
    assert_eq!(
        (view.status, view.end_reason, view.ended_at),
        (SessionStatus::Ended, Some(EndReason::LinkExpired), Some(view.expires_at))
    );
    let ended = SessionFilter { link: None, status: Some(SessionStatus::Ended) };
    assert_eq!(world.queries.sessions(agent(1), ended, None, 10, ANY).await.unwrap().value.items.len(), 1);
    assert_eq!(world.queries.open_sessions(agent(1), Scope::Agent, key(agent(1)), 10, ANY).await.unwrap().value.total, 0);
    assert_eq!(world.queries.link(agent(1), link(1), ANY).await.unwrap().value.unwrap().counts.idle, 0);

    world
        .sql("UPDATE session SET status = 'ended', end_reason = 'chatter_left', ended_at = started_at, erase_at = started_at + INTERVAL '1 day', rating = 4")
        .await;
    let view = show().await;
    assert_eq!((view.end_reason, view.ended_at, view.rating), (Some(EndReason::ChatterLeft), Some(view.started_at), Some(4)));
    assert_eq!(view.erase_at, view.started_at + Millis::minutes(1440));
}
