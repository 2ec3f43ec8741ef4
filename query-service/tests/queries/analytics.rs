//! Figures over a period: counted from what stays when the words go.

use domain::session::EndReason;
use domain::{Millis, Timestamp};
use query_service::{Analytics, Day, Spread};
use time::macros::date;

use crate::world::{ANY, World, agent, link, session, uuid};

/// 2030-01-01T00:00Z.
const NEW_YEAR: Timestamp = Timestamp(1_893_456_000_000);

async fn figures(world: &World, of: Option<u8>, since: Timestamp) -> Analytics {
    world.queries.analytics(agent(1), of.map(link), since, 2, ANY).await.unwrap().value
}

/// One link a day from the new year on, with one session each: a chatter who was answered, one who was not and whose time is up
/// though no timer said so, and one who said nothing yet.
async fn world() -> World {
    let world = World::start().await;
    let lives = [
        "ended_at = started_at + INTERVAL '10 minutes', end_reason = 'chatter_left', rating = 4, chatter_messages = 3, agent_messages = 2,
         first_chatter_at = started_at + INTERVAL '5 seconds', first_reply_at = started_at + INTERVAL '12 seconds', status = 'erased'",
        "expires_at = now(), started_at = now() - INTERVAL '1 hour', rating = 5, chatter_messages = 1, agent_messages = 0,
         first_chatter_at = now(), owed_since = now()",
        "chatter_messages = 0, agent_messages = 0",
    ];
    for (n, life) in (1..).zip(lives) {
        world.link(agent(1), link(n)).await;
        world.session(agent(1), link(n), session(n)).await;
        let (link, session) = (uuid(link(n).bytes()), uuid(session(n).bytes()));
        let day = format!("'2030-01-0{n}T08:00:00Z'");
        world.sql(format!("UPDATE link SET opened_at = {day} WHERE id = '{link}'")).await;
        world.sql(format!("UPDATE session SET started_at = {day}, expires_at = '2999-01-01' WHERE id = '{session}'")).await;
        world.sql(format!("UPDATE session SET {life} WHERE id = '{session}'")).await;
    }
    world
}

fn day(date: time::Date, [links_opened, joined, messages, unanswered]: [u64; 4]) -> Day {
    Day { date, links_opened, joined, messages, unanswered }
}

#[tokio::test]
async fn what_began_is_summed_up_and_told_by_day() {
    let world = world().await;
    let all = figures(&world, None, Timestamp(0)).await;
    let spread = |seconds| Some(Spread { median: Millis::seconds(seconds), p90: Millis::seconds(seconds) });
    assert_eq!((all.links_opened, all.joined, all.wrote, all.replied, all.unanswered), (3, 3, 2, 1, 1));
    assert_eq!((all.chatter_messages, all.agent_messages), (4, 2));
    assert_eq!(all.first_reply, spread(7));
    assert_eq!(all.ended, [(EndReason::ChatterLeft, 1), (EndReason::LinkExpired, 1)]);
    assert_eq!(all.open, 1);
    assert_eq!(all.length, Some(Spread { median: Millis::minutes(10), p90: Millis::minutes(60) }));
    assert_eq!((all.ratings, all.average_rating), (2, Some(4.5)));
    assert_eq!(all.days, [day(date!(2030 - 01 - 02), [1, 0, 0, 0]), day(date!(2030 - 01 - 03), [1, 1, 0, 0])]);
    assert_eq!(all.earlier_days, 2, "the new year, and the day on which the second one joined");
}

#[tokio::test]
async fn only_the_period_and_the_link_that_were_asked_for() {
    let world = world().await;
    let later = figures(&world, None, NEW_YEAR + Millis::minutes(1_440)).await;
    assert_eq!((later.links_opened, later.joined, later.earlier_days), (2, 1, 0));
    let first = figures(&world, Some(1), NEW_YEAR).await;
    assert_eq!((first.links_opened, first.joined, first.ratings), (1, 1, 1));
    assert_eq!(first.days, [day(date!(2030 - 01 - 01), [1, 1, 5, 0])]);
    let nothing = figures(&world, Some(9), NEW_YEAR).await;
    assert_eq!((nothing.joined, nothing.first_reply, nothing.length, nothing.average_rating), (0, None, None, None));
    let others = world.queries.analytics(agent(2), None, Timestamp(0), 2, ANY).await.unwrap().value;
    assert_eq!((others.joined, others.links_opened), (0, 0), "another agent's figures are its own");
}
