//! What an operator is warned of.

use query_service::Unfinished;

use crate::world::World;

#[tokio::test]
async fn what_is_not_done_is_counted_so_far_and_no_further() {
    let world = World::start().await;
    assert_eq!(world.queries.unfinished().await.unwrap(), Unfinished::default());
    // In the shard of every number there are: erasures, expiries and what is due since an hour.
    world
        .sql(
            "INSERT INTO scheduled (target_kind, target, purpose, agent, link, shard, due_at, version, dead_at)
            SELECT 'session', gen_random_uuid(), purpose, gen_random_uuid(), gen_random_uuid(), 0, now() + due, 1, dead
            FROM (VALUES
                ('erase', INTERVAL '1 hour', now()),
                ('expire', INTERVAL '-1 hour', now()),
                ('expire', INTERVAL '-1 hour', now()),
                ('idle', INTERVAL '-1 hour', NULL),
                ('idle', INTERVAL '1 hour', NULL)
            ) AS row (purpose, due, dead)",
        )
        .await;
    world
        .sql(
            "INSERT INTO dead_letter (shard, sequence, agent, target_kind, target, types)
            SELECT 0, sequence, gen_random_uuid(), 'agent', gen_random_uuid(), 'agent.sang'
            FROM generate_series(1, 1200) AS sequence",
        )
        .await;
    let expected = Unfinished {
        failing_erasures: 1,
        dead_commands: 2,
        late_commands: 1,
        passed_over: Unfinished::COUNTED,
        dead_deliveries: 0,
        reports: 0,
    };
    assert_eq!(world.queries.unfinished().await.unwrap(), expected);
}
