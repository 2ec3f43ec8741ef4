//! What an agent is to attend to: who waits comes first, and each key has its own count of what is unread.

use domain::session::Author;
use domain::{KeyId, QuestionId};
use query_service::{OpenSessions, Party, Scope, SessionStatus};

use crate::world::{ANY, World, agent, key, link, session, talk, uuid};

async fn open(world: &World, scope: Scope, key: KeyId, limit: u16) -> OpenSessions {
    world.queries.open_sessions(agent(1), scope, key, limit, ANY).await.unwrap().value
}

#[tokio::test]
async fn who_waits_longest_comes_first() {
    let world = World::start().await;
    for n in [1, 2] {
        world.link(agent(1), link(n)).await;
    }
    let state = [
        (1, 1, "NULL", 5),
        (1, 2, "now() - INTERVAL '1 minute'", 3),
        (2, 3, "now() - INTERVAL '9 minutes'", 9),
        (2, 4, "NULL", 2),
    ];
    for (link, n, owed, quiet) in state {
        let talk = talk(link, n);
        world.session(talk.agent, talk.link, talk.session).await;
        let id = uuid(talk.session.bytes());
        world
            .sql(format!(
                "UPDATE session SET owed_since = {owed}, last_word_at = now() - INTERVAL '{quiet} minutes', last_chatter_at = now() WHERE id = '{id}'"
            ))
            .await;
    }
    let sessions = |open: &OpenSessions| open.sessions.iter().map(|open| open.session).collect::<Vec<_>>();
    let all = open(&world, Scope::Agent, key(agent(1)), 10).await;
    assert_eq!((sessions(&all), all.total), ([3, 2, 4, 1].map(session).to_vec(), 4));
    assert_eq!(
        all.sessions.iter().map(|open| open.waiting_for).collect::<Vec<_>>(),
        [Party::Agent, Party::Agent, Party::Chatter, Party::Chatter]
    );
    let few = open(&world, Scope::Agent, key(agent(1)), 1).await;
    assert_eq!((sessions(&few), few.total), (vec![session(3)], 4));
    let narrow = open(&world, Scope::Link(link(1)), key(agent(1)), 10).await;
    assert_eq!((sessions(&narrow), narrow.total), ([2, 1].map(session).to_vec(), 2));

    world.sql("UPDATE session SET status = 'ended', ended_at = now() WHERE owed_since IS NOT NULL").await;
    assert_eq!(open(&world, Scope::Agent, key(agent(1)), 10).await.total, 2);
    assert_eq!(open(&world, Scope::Session(session(2)), key(agent(1)), 10).await.total, 0);
}

#[tokio::test]
async fn unread_is_what_the_chatter_said_beyond_the_kept_position() {
    let world = World::start().await;
    world.link(agent(1), link(1)).await;
    world.session(agent(1), link(1), session(1)).await;
    let (own, colleague) = (key(agent(1)), KeyId::new([2; 16]));
    let first = world.say(talk(1, 1), Author::Chatter, &["one", "two"]).await;
    world.say(talk(1, 1), Author::Agent(colleague), &["an answer"]).await;
    world.say(talk(1, 1), Author::Chatter, &["three"]).await;
    world.ask(talk(1, 1), QuestionId::new([1; 16])).await;
    world.read(talk(1, 1), Some(colleague), first).await;

    let seen = open(&world, Scope::Session(session(1)), own, 10).await.sessions[0];
    assert_eq!((seen.unread, seen.open_fields, seen.messages_left, seen.status), (3, 2, 3, SessionStatus::Active));
    assert_eq!(open(&world, Scope::Session(session(1)), colleague, 10).await.sessions[0].unread, 1);
}
