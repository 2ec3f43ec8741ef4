use command_service::schedule::{Filter, Retry, ScheduleError, list, retry};
use domain::{AgentId, LinkId, Millis, SessionId, Target};

use crate::rows::Rows;
use crate::world::{Chat, Process, World};

/// Schedules an expiry of each of two agents' links, and the erasure of a session of each.
async fn scheduled(process: &Process, rows: &Rows) -> [Chat; 2] {
    let chats =
        [1, 2].map(|n| Chat { agent: AgentId::new([n; 16]), link: LinkId::new([n; 16]), session: SessionId::new([n; 16]) });
    for (chat, minutes) in chats.iter().zip([10, 20]) {
        let at = (chat.agent, chat.link);
        rows.schedule(&process.backbone, at, Target::Link(chat.link), "expire", Millis::minutes(minutes)).await;
        rows.schedule(&process.backbone, at, Target::Session(chat.session), "erase", Millis::minutes(minutes + 5)).await;
    }
    chats
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_are_listed_first_and_the_others_as_they_fall_due() {
    let (world, rows) = (World::start().await, Rows::new().await);
    let process = world.process().await;
    let [one, two] = scheduled(&process, &rows).await;
    rows.sql("UPDATE scheduled SET dead_at = now(), attempts = 20, last_error = 'no' WHERE due_at = (SELECT max(due_at) FROM scheduled)").await;
    let listed = async |filter: Filter, limit: u32| {
        let schedule = list(&rows.pool, filter, limit).await.unwrap();
        (schedule.commands.into_iter().map(|command| command.target).collect::<Vec<_>>(), schedule.has_more)
    };
    let [link_one, link_two] = [one, two].map(|chat| Target::Link(chat.link));
    let [session_one, session_two] = [one, two].map(|chat| Target::Session(chat.session));
    let every = Filter::default();
    assert_eq!(listed(every, 4).await, (vec![session_two, link_one, session_one, link_two], false));
    assert_eq!(listed(every, 2).await, (vec![session_two, link_one], true));
    assert_eq!(listed(Filter { dead: true, ..every }, 4).await, (vec![session_two], false));
    assert_eq!(listed(Filter { agent: Some(one.agent), ..every }, 4).await, (vec![link_one, session_one], false));
    assert_eq!(listed(Filter { link: Some(two.link), ..every }, 4).await, (vec![session_two, link_two], false));
    // The link has the same bytes.
    assert_eq!(listed(Filter { session: Some(one.session), ..every }, 4).await, (vec![session_one], false));
    let dead = list(&rows.pool, Filter { dead: true, ..every }, 1).await.unwrap().commands.remove(0);
    assert_eq!(
        (dead.agent, dead.purpose.as_str(), dead.attempts, dead.last_error.as_deref()),
        (two.agent, "erase", 20, Some("no"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dead_come_to_life_all_that_were_named_or_none() {
    let (world, rows) = (World::start().await, Rows::new().await);
    let process = world.process().await;
    let [one, two] = scheduled(&process, &rows).await;
    let kill = "UPDATE scheduled SET dead_at = now(), attempts = 20, last_error = 'no' WHERE purpose = 'erase'";
    rows.sql(kill).await;
    let (dead, living) = (Target::Session(one.session), Target::Link(one.link));
    let refused = retry(&rows.pool, Retry::Of(&[dead, living])).await;
    assert!(matches!(refused, Err(ScheduleError::NotDead(target)) if target == living), "{refused:?}");
    let look = async |chat: Chat| rows.row(chat.session.bytes(), "erase").await.unwrap();
    assert!(look(one).await.is_dead);

    let retried = retry(&rows.pool, Retry::Of(&[dead])).await.unwrap();
    assert_eq!(retried.iter().map(|command| (command.target, command.purpose.as_str())).collect::<Vec<_>>(), [(dead, "erase")]);
    let row = look(one).await;
    assert!(!row.is_dead && row.attempts == 0 && row.due_in <= 0, "{row:?}");
    assert!(look(two).await.is_dead);
    assert_eq!(retry(&rows.pool, Retry::All).await.unwrap().len(), 1);
    assert_eq!(retry(&rows.pool, Retry::All).await.unwrap(), []);
    let living = rows.row(one.link.bytes(), "expire").await.unwrap();
    assert!(living.due_in > 0, "what lives is left alone: {living:?}");
}
