//! How links and sessions stand is judged by the clock: no timer needs to have fired.

use domain::Millis;
use domain::link::Standing;
use domain::session::EndReason;
use query_service::{Scope, SessionFilter, SessionStatus, Viewer};

use crate::world::{ANY, World, agent, key, link, session, talk, uuid};

#[tokio::test]
async fn a_link_shows_every_setting_and_counts_its_sessions() {
    let world = World::start().await;
    let opened = world.link(agent(1), link(1)).await;
    for n in [1, 2] {
        world.session(agent(1), link(1), talk(1, n).session).await;
    }
    world.sql("UPDATE session SET status = 'idle', owed_since = now() WHERE started_sequence = 2").await;
    let view = world.queries.link(agent(1), link(1), ANY).await.unwrap().value.unwrap();
    assert_eq!((view.id, view.agent, view.status), (link(1), agent(1), Standing::Active));
    let settings = view.settings;
    assert_eq!((settings.max_sessions_at_once, settings.max_sessions_total), (3, None));
    assert_eq!((settings.max_messages_per_session, settings.messages_per_minute), (100, 10));
    assert_eq!((settings.idle_timeout, settings.keep_after_end), (Millis::minutes(30), Millis::minutes(1440)));
    assert_eq!((settings.language.as_deref(), settings.allowed_origins), (Some("de"), vec!["https://shop.example".to_owned()]));
    assert_eq!((settings.passcode, view.rotation, view.closed_at), (Some(None), 1, None));
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
        assert_eq!(status().await, Standing::Expired);
    }
    let expired = world.queries.links(agent(1), Some(Standing::Expired), None, 10, ANY).await.unwrap().value;
    assert_eq!(expired.items.len(), 1);
    assert_eq!(world.queries.links(agent(1), Some(Standing::Paused), None, 10, ANY).await.unwrap().value.items, []);

    world.sql("UPDATE link SET status = 'revoked', closed_at = now()").await;
    assert_eq!(status().await, Standing::Revoked);
    // What it came to stays known after the words are gone.
    world.sql("UPDATE link SET status = 'erased', erased_at = now(), closed_at = expires_at").await;
    assert_eq!(status().await, Standing::Expired);
    world.sql("UPDATE link SET closed_at = expires_at - INTERVAL '1 minute'").await;
    assert_eq!(status().await, Standing::Revoked);
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

#[tokio::test]
async fn links_are_found_by_what_they_are_shown_as() {
    let world = World::start().await;
    let mut links = (1..).map(link);
    for status in ["active", "paused", "expired", "revoked", "erased"] {
        for expires_at in ["now() - INTERVAL '1 hour'", "date_trunc('milliseconds', now())", "now() + INTERVAL '1 hour'"] {
            for closed_at in ["NULL", "expires_at - INTERVAL '1 ms'", "expires_at", "expires_at + INTERVAL '1 ms'"] {
                let link = links.next().unwrap();
                world.link(agent(1), link).await;
                let id = uuid(link.bytes());
                world.sql(format!("UPDATE link SET status = '{status}', expires_at = {expires_at} WHERE id = '{id}'")).await;
                world.sql(format!("UPDATE link SET closed_at = {closed_at} WHERE id = '{id}'")).await;
            }
        }
    }
    let list = async |status| world.queries.links(agent(1), status, None, 100, ANY).await.unwrap().value.items;
    let all = list(None).await;
    assert_eq!(all.len(), 60);
    for standing in Standing::ALL {
        let expected: Vec<_> = all.iter().filter(|view| view.status == standing).cloned().collect();
        assert!(!expected.is_empty(), "{standing:?}");
        assert_eq!(list(Some(standing)).await, expected, "{standing:?}");
    }
}

#[tokio::test]
async fn sessions_are_found_by_what_they_are_shown_as() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    let mut sessions = (1..).map(session);
    for status in ["active", "idle", "ended", "erased"] {
        for expires_at in ["now() - INTERVAL '1 hour'", "date_trunc('milliseconds', now())", "now() + INTERVAL '1 hour'"] {
            let session = sessions.next().unwrap();
            world.session(agent(1), link(1), session).await;
            let id = uuid(session.bytes());
            world.sql(format!("UPDATE session SET status = '{status}', expires_at = {expires_at} WHERE id = '{id}'")).await;
        }
    }
    let list = async |status| {
        let filter = SessionFilter { link: None, status };
        world.queries.sessions(agent(1), filter, None, 100, ANY).await.unwrap().value.items
    };
    let all = list(None).await;
    assert_eq!(all.len(), 12);
    for status in [SessionStatus::Active, SessionStatus::Idle, SessionStatus::Ended, SessionStatus::Erased] {
        let expected: Vec<_> = all.iter().filter(|view| view.status == status).cloned().collect();
        assert!(!expected.is_empty(), "{status:?}");
        assert_eq!(list(Some(status)).await, expected, "{status:?}");
    }
}
