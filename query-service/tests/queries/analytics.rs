//! Figures over a period: of what has ended from the sums, of what lives from its rows. That the projector keeps those sums true, its own
//! tests say.

use domain::session::EndReason;
use domain::{Millis, Timestamp};
use query_service::{Analytics, Day, Spread, Viewer};
use time::macros::date;

use crate::world::{ANY, World, agent, link, session, uuid};

/// 2030-01-01T00:00Z.
const NEW_YEAR: Timestamp = Timestamp(1_893_456_000_000);

async fn figures(world: &World, of: Option<u8>, since: Timestamp) -> Analytics {
    world.queries.analytics(agent(1), of.map(link), since, 2, ANY).await.unwrap().value
}

/// One link a day from the new year on, with one session each: a chatter who was answered, one who was not and whose time is up
/// though no timer said so, and one who said nothing yet. The first is erased: it stands in the sums.
async fn world() -> World {
    let world = World::start().await;
    let (id, shard) = (uuid(agent(1).bytes()), world.backbone.shard_of(agent(1)));
    for sums in [
        format!("INSERT INTO session_sum VALUES ('{id}', '2030-01-01', 'chatter_left', {shard}, 1, 1, 1, 3, 2, 1, 4, 0)"),
        format!(
            "INSERT INTO session_duration VALUES
                ('{id}', '2030-01-01', 'first_reply', duration_bucket(7000), {shard}, 1),
                ('{id}', '2030-01-01', 'length', duration_bucket(600000), {shard}, 1)"
        ),
        format!("INSERT INTO link_sum SELECT '{id}', DATE '2029-12-31' + n, {shard}, 1 FROM generate_series(1, 3) AS n"),
    ] {
        world.sql(sums).await;
    }
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
    assert_eq!((all.links_opened, all.joined, all.wrote, all.replied, all.unanswered), (3, 3, 2, 1, 1));
    assert_eq!((all.chatter_messages, all.agent_messages), (4, 2));
    // The middles of the buckets of 7 s, 10 min and an hour.
    assert_eq!(all.first_reply, Some(Spread { median: Millis(6_976), p90: Millis(6_976) }));
    assert_eq!(all.ended, [(EndReason::ChatterLeft, 1), (EndReason::LinkExpired, 1)]);
    assert_eq!(all.open, 1);
    assert_eq!(all.length, Some(Spread { median: Millis(598_016), p90: Millis(3_571_712) }));
    assert_eq!((all.ratings, all.average_rating), (2, Some(4.5)));
    assert_eq!(all.days, [day(date!(2030 - 01 - 02), [1, 0, 0, 0]), day(date!(2030 - 01 - 03), [1, 1, 0, 0])]);
    assert_eq!(all.earlier_days, 2, "the new year, and the day on which the second one joined");
}

#[tokio::test]
async fn only_the_period_and_the_link_that_were_asked_for() {
    let world = world().await;
    // A period begins with a whole day.
    let later = figures(&world, None, NEW_YEAR + Millis::minutes(2 * 1_440 - 1)).await;
    assert_eq!(later.since, NEW_YEAR + Millis::minutes(1_440));
    assert_eq!((later.links_opened, later.joined, later.earlier_days), (2, 1, 0));
    let first = figures(&world, Some(1), NEW_YEAR).await;
    assert_eq!((first.links_opened, first.joined, first.ratings), (1, 1, 1));
    assert_eq!(first.days, [day(date!(2030 - 01 - 01), [1, 1, 5, 0])]);
    let nothing = figures(&world, Some(9), NEW_YEAR).await;
    assert_eq!((nothing.joined, nothing.first_reply, nothing.length, nothing.average_rating), (0, None, None, None));
    let others = world.queries.analytics(agent(2), None, Timestamp(0), 2, ANY).await.unwrap().value;
    assert_eq!((others.joined, others.links_opened), (0, 0), "another agent's figures are its own");
}

#[tokio::test]
async fn a_key_of_one_link_counts_that_link_only() {
    let world = world().await;
    for n in 1..=2 {
        let key = Viewer::OnLink(agent(1), link(n));
        let own = world.queries.analytics(key, None, Timestamp(0), 31, ANY).await.unwrap().value;
        assert_eq!(own, world.queries.analytics(agent(1), Some(link(n)), Timestamp(0), 31, ANY).await.unwrap().value);
        assert_eq!((own.links_opened, own.joined), (1, 1));
    }
}

#[tokio::test]
async fn a_bucket_is_told_by_its_middle() {
    let world = World::start().await;
    // Every length up to half a second, and those around each power of two up to a century.
    let worst: Vec<(f64, i64)> = sqlx::query_as(
        "WITH length AS (
            SELECT generate_series(0, 500)::BIGINT AS ms
            UNION ALL
            SELECT (1::BIGINT << power) + step FROM generate_series(9, 41) AS power, generate_series(-300, 300) AS step
        ),
        told AS (
            SELECT ms, bucket_middle(duration_bucket(ms)) AS middle, duration_bucket(ms) AS bucket, lag(duration_bucket(ms)) OVER (ORDER BY ms) AS before
            FROM length
        )
        SELECT max(abs(middle - ms)::DOUBLE PRECISION / greatest(ms, 1)), count(*) FILTER (WHERE bucket < before OR (ms < 64 AND middle <> ms))
        FROM told",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();
    assert!(worst[0].0 <= 1.0 / 64.0 && worst[0].1 == 0, "{worst:?}");
}
