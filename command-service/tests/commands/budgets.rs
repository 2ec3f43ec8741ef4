//! Budgets under races: many words at once, in many sessions, by several processes.

use domain::budget::{Amounts, Budget, Limits, Span};
use domain::{link, session};
use futures_util::future::join_all;
use nats::Actor;

use command_service::{LinkChanges, NewLink, Refusal};

use crate::world::{Chat, Process, World, an_hour};

const RACE: usize = 64;

fn messages(messages: u32) -> Limits {
    Limits { messages: Some(messages), ..Limits::default() }
}

fn limited(budget: Budget) -> NewLink {
    NewLink { budget, ..an_hour() }
}

/// Lets people say so many things at once, in turn by each process in each chat; returns how many were taken, and expects that the others
/// were refused for a budget of `span`.
async fn race(processes: &[Process], chats: &[Chat], span: Span) -> usize {
    let words = (0..RACE).map(|n| async move {
        let (process, chat) = (&processes[n % processes.len()], chats[n % chats.len()]);
        process.commands.post(chat.address(), Actor::Chatter, &format!("word {n}"), "Me first").await
    });
    let answers = join_all(words).await;
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    for refusal in refused {
        let of = match refusal {
            Refusal::Session(session::Rejection::BudgetReached(reached))
            | Refusal::Link(link::Rejection::BudgetReached(reached)) => reached.of,
            other => panic!("{other}"),
        };
        assert_eq!(of, span);
    }
    answers.iter().filter(|answer| answer.is_ok()).count()
}

#[tokio::test]
async fn two_processes_overspend_no_sessions_budget() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let chat = processes[0].chat(limited(Budget { session: messages(7), ..Budget::default() })).await;
    assert_eq!(race(&processes, &[chat], Span::Session).await, 7);
    let names = processes[0].names(chat.address()).await;
    assert_eq!(names.iter().filter(|name| **name == "session.budget_reached").count(), 2);
    // Nothing had to be asked of the link.
    assert_eq!(processes[0].names(chat.at_link()).await, ["link.opened", "link.admitted"]);
}

#[tokio::test]
async fn two_processes_overspend_no_links_budget_and_no_days() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    for (budget, span) in [
        (Budget { link: messages(20), ..Budget::default() }, Span::Link),
        (Budget { day: messages(20), ..Budget::default() }, Span::Day),
    ] {
        let agent = processes[0].agent().await;
        let link = processes[0].link(agent, limited(budget)).await;
        let mut chats = Vec::new();
        for n in 0..8 {
            chats.push(processes[n % 2].chat_on(agent, link, &format!("client {n}")).await);
        }
        assert_eq!(race(&processes, &chats, span).await, 20);
        let names = processes[0].names(chats[0].at_link()).await;
        assert_eq!(names.iter().filter(|name| **name == "link.budget_drawn").count(), 20);
        assert_eq!(names.iter().filter(|name| **name == "link.budget_reached").count(), 2);
        // A third process that has seen none of it finds it used up, too.
        let third = world.process().await;
        let refusal = third.commands.post(chats[0].address(), Actor::Chatter, "late", "And I?").await.unwrap_err();
        assert!(matches!(refusal, Refusal::Link(link::Rejection::BudgetReached(_))), "{refusal}");
        // A word that was taken is answered as ever.
        let again = join_all((0..RACE).map(|n| {
            let (process, chat) = (&processes[1], chats[n % chats.len()]);
            async move { process.commands.post(chat.address(), Actor::Chatter, &format!("word {n}"), "Me first").await }
        }));
        assert_eq!(again.await.iter().filter(|answer| answer.as_ref().is_ok_and(|receipt| receipt.replayed)).count(), 20);
    }
}

#[tokio::test]
async fn a_raised_budget_reaches_the_sessions_that_are_open() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(limited(Budget { session: messages(1), ..Budget::default() })).await;
    let say = async |id: &str| process.commands.post(chat.address(), Actor::Chatter, id, "Hello").await;
    say("1").await.unwrap();
    say("2").await.unwrap_err();
    let changes = LinkChanges { budget: Some(Budget { session: messages(2), ..Budget::default() }), ..LinkChanges::default() };
    process.commands.update_link(chat.agent, Actor::Operator, chat.link, changes).await.unwrap();
    say("2").await.unwrap();
    say("3").await.unwrap_err();
    let names = process.names(chat.address()).await;
    assert_eq!(names.iter().filter(|name| **name == "session.budget_set").count(), 1);
}

#[tokio::test]
async fn what_an_ended_session_was_granted_and_did_not_write_is_free_again() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let bytes = async || {
        let link = process.commands.link(chat.agent, chat.link).await.unwrap();
        (link.spent.all, link.granted.len())
    };
    let (granted, holders) = bytes().await;
    assert_eq!((granted, holders), (Amounts::bytes(20 << 10), 1));
    process.commands.end(chat.address(), Actor::Chatter, session::EndReason::ChatterLeft, None).await.unwrap();
    // The next of this client needs the place at once.
    let mut again = crate::world::client(chat.agent, chat.link, "someone");
    (again.start_new, again.holds) = (true, Some(chat.session));
    process.commands.join(&again).await.unwrap();
    let (granted, holders) = bytes().await;
    assert_eq!(holders, 1);
    assert!(granted.bytes < (20 << 10) + 2_048, "{granted:?}");
}
