//! What a call needs beside events: whose a scope is, what is not acknowledged, who may still come, and what opens words from elsewhere.

use domain::{Address, LinkId, SessionId};
use nats::{Field, Text};
use query_service::{Freshness, Scope, Unread, Viewer};

use crate::world::{Talk, World, agent, key, link, session};

const ANY: Freshness = Freshness::at_least(0);

async fn over(world: &World, viewer: Viewer, id: SessionId) -> Option<(LinkId, bool, bool)> {
    let view = world.queries.session_scope(viewer, id, ANY).await.unwrap().value;
    view.map(|view| (view.link, view.is_over, view.is_erased))
}

#[tokio::test]
async fn a_scope_is_over_by_the_clock_and_nobody_elses() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    world.session(agent(1), link(1), session(1)).await;
    let of_link = async |viewer: Viewer| {
        let view = world.queries.link_scope(viewer, link(1), ANY).await.unwrap().value;
        view.map(|view| (view.is_over, view.is_erased))
    };
    let owner = Viewer::Agent(agent(1));
    assert_eq!(over(&world, owner, session(1)).await, Some((link(1), false, false)));
    assert_eq!(of_link(owner).await, Some((false, false)));
    for stranger in [Viewer::Agent(agent(2)), Viewer::OnLink(agent(1), link(2))] {
        assert_eq!((over(&world, stranger, session(1)).await, of_link(stranger).await), (None, None));
    }
    assert_eq!(over(&world, owner, session(9)).await, None);

    // Whatever its timer has done.
    for table in ["link", "session"] {
        world.sql(format!("UPDATE {table} SET expires_at = now() - INTERVAL '1 second'")).await;
    }
    assert_eq!(over(&world, owner, session(1)).await, Some((link(1), true, false)));
    assert_eq!(of_link(owner).await, Some((true, false)));
    for table in ["link", "session"] {
        world
            .sql(format!("UPDATE {table} SET status = 'erased', erased_at = now(), expires_at = now() + INTERVAL '1 hour'"))
            .await;
    }
    assert_eq!(over(&world, owner, session(1)).await, Some((link(1), true, true)));
    assert_eq!(of_link(owner).await, Some((true, true)));
}

#[tokio::test]
async fn unread_sessions_are_found_up_to_a_place() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    let talk = |n| Talk { agent: agent(1), link: link(1), session: session(n) };
    let chatter = domain::session::Author::Chatter;
    for n in 1..=3 {
        world.session(agent(1), link(1), session(n)).await;
    }
    let first = world.say(talk(1), chatter, &["a"]).await;
    let second = world.say(talk(2), chatter, &["b"]).await;
    let third = world.say(talk(1), chatter, &["c"]).await;
    let own = world.say(talk(3), domain::session::Author::Agent(key(agent(1))), &["d"]).await;
    let unread = async |scope, upto| {
        let (types, upto) = (&["session.message_posted"], world.position(agent(1), upto, 0));
        let page = world.queries.unread(agent(1), scope, key(agent(1)), types, upto, ANY).await.unwrap().value;
        assert!(!page.has_more);
        page.items
    };
    let of = |n, upto| Unread { session: session(n), upto };
    assert_eq!(unread(Scope::Agent, own).await, [of(2, second), of(1, third)]);
    assert_eq!(unread(Scope::Agent, second).await, [of(1, first), of(2, second)]);
    assert_eq!(unread(Scope::Session(session(2)), own).await, [of(2, second)]);
    world.read(talk(1), Some(key(agent(1))), third).await;
    assert_eq!(unread(Scope::Link(link(1)), own).await, [of(2, second)]);
}

#[tokio::test]
async fn words_from_elsewhere_open_until_they_are_due_to_be_gone() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    for n in 1..=2 {
        world.session(agent(1), link(1), session(n)).await;
    }
    world
        .sql(
            "UPDATE session SET ended_at = now(), end_reason = 'agent_ended', status = 'ended', erase_at = now()".to_owned()
                + " WHERE started_sequence = (SELECT max(started_sequence) FROM session)",
        )
        .await;
    let sealed: Vec<(Vec<u8>,)> =
        sqlx::query_as("SELECT display_name FROM session ORDER BY started_sequence").fetch_all(&world.pool).await.unwrap();
    let both = [session(1), session(2)];
    let vaults = world.queries.vaults(agent(1), &both, ANY).await.unwrap().value;
    let open = |n: usize| vaults.of(Address::session(agent(1), both[n])).open(Field::DisplayName, 0, &sealed[n].0).unwrap();
    assert_eq!((open(0), open(1)), (Text::Open("display_name".to_owned()), Text::Erased));
    assert_eq!(world.queries.vaults(agent(2), &both, ANY).await.unwrap().value.into_iter().count(), 0);
}

#[tokio::test]
async fn a_link_that_is_closed_or_used_up_is_joined_by_nobody() {
    let world = World::start().await;
    for n in 1..=2 {
        world.link(agent(1), link(n)).await;
    }
    let joinable = async |of: Option<LinkId>| {
        let page = world.queries.joinable_links(agent(1), of, 10, ANY).await.unwrap().value;
        page.items.len()
    };
    assert_eq!((joinable(None).await, joinable(Some(link(1))).await), (2, 1));
    // Both of its sessions were there; one of them is still, and may come again.
    world.change_settings(|settings| settings.max_sessions_total = Some(2)).await;
    assert_eq!(joinable(None).await, 2);
    world.sql("UPDATE link SET places_taken = 0").await;
    assert_eq!(joinable(None).await, 0);
    world.change_settings(|settings| settings.max_sessions_total = None).await;
    world.sql("UPDATE link SET status = 'paused'").await;
    assert_eq!(joinable(None).await, 2);
    world.sql("UPDATE link SET expires_at = now()").await;
    assert_eq!((joinable(None).await, joinable(Some(link(1))).await), (0, 0));
}
