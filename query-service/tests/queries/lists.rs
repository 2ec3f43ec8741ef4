//! Lists of links and sessions: in the order of their beginning, in pages, narrowed by how they stand.

use domain::link::Standing;
use query_service::{SessionFilter, SessionStatus};

use crate::world::{ANY, World, agent, link, session, talk, uuid};

#[tokio::test]
async fn pages_of_links_hold_each_link_once() {
    let world = World::start().await;
    // The order of opening, not of ids.
    let opened = [5, 3, 1, 4, 2].map(link);
    for link in opened {
        world.link(agent(1), link).await;
    }
    let (mut found, mut after) = (vec![], None);
    loop {
        let page = world.queries.links(agent(1), None, after, 2, ANY).await.unwrap().value;
        found.extend(page.items.iter().map(|link| link.id));
        after = page.items.last().map(|link| link.position);
        if !page.has_more {
            break;
        }
    }
    assert_eq!(found, opened);

    world.sql(format!("UPDATE link SET status = 'paused' WHERE id = '{}'", uuid(link(1).bytes()))).await;
    let paused = world.queries.links(agent(1), Some(Standing::Paused), None, 100, ANY).await.unwrap().value;
    assert_eq!(paused.items.iter().map(|link| link.id).collect::<Vec<_>>(), [link(1)]);
    let active = world.queries.links(agent(1), Some(Standing::Active), None, 4, ANY).await.unwrap().value;
    assert_eq!((active.items.len(), active.has_more), (4, false));
}

#[tokio::test]
async fn pages_of_sessions_hold_each_session_once() {
    let world = World::start().await;
    for n in [1, 2] {
        world.link(agent(1), link(n)).await;
    }
    let started = [(1, 9), (2, 8), (1, 7), (1, 6)];
    for (link, n) in started {
        let talk = talk(link, n);
        world.session(talk.agent, talk.link, talk.session).await;
    }
    let walk = async |filter: SessionFilter| {
        let (mut found, mut after) = (vec![], None);
        loop {
            let page = world.queries.sessions(agent(1), filter, after, 1, ANY).await.unwrap().value;
            found.extend(page.items.iter().map(|session| session.id));
            after = page.items.last().map(|session| session.position);
            if !page.has_more {
                break found;
            }
        }
    };
    assert_eq!(walk(SessionFilter::default()).await, [9, 8, 7, 6].map(session));
    assert_eq!(walk(SessionFilter { link: Some(link(1)), status: None }).await, [9, 7, 6].map(session));
    world.sql(format!("UPDATE session SET status = 'idle' WHERE id = '{}'", uuid(session(7).bytes()))).await;
    assert_eq!(walk(SessionFilter { link: Some(link(1)), status: Some(SessionStatus::Idle) }).await, [session(7)]);
    assert_eq!(walk(SessionFilter { link: None, status: Some(SessionStatus::Ended) }).await, []);
}

#[tokio::test]
async fn the_newest_come_first_and_each_once() {
    let world = World::start().await;
    let opened = [5, 3, 1, 4, 2].map(link);
    for link in opened {
        world.link(agent(1), link).await;
    }
    let (mut found, mut before) = (vec![], None);
    loop {
        let page = world.queries.newest_links(agent(1), before, 2, ANY).await.unwrap().value;
        found.extend(page.items.iter().map(|link| link.id));
        before = page.items.last().map(|link| link.position);
        if !page.has_more {
            break;
        }
    }
    found.reverse();
    assert_eq!(found, opened);

    let started = [9, 7, 8].map(|n| talk(1, n));
    for talk in started {
        world.session(talk.agent, talk.link, talk.session).await;
    }
    let page = world.queries.newest_sessions(agent(1), None, 2, ANY).await.unwrap().value;
    assert_eq!(
        (page.items.iter().map(|session| session.id).collect::<Vec<_>>(), page.has_more),
        (vec![session(8), session(7)], true)
    );
    let before = page.items.last().map(|session| session.position);
    let page = world.queries.newest_sessions(agent(1), before, 2, ANY).await.unwrap().value;
    assert_eq!((page.items.iter().map(|session| session.id).collect::<Vec<_>>(), page.has_more), (vec![session(9)], false));
    assert!(world.queries.newest_links(agent(2), None, 2, ANY).await.unwrap().value.items.is_empty());
}
