use std::collections::HashSet;

use domain::KeyId;
use futures_util::{StreamExt, stream};
use nats::{Actor, Text};

use crate::world::{World, an_hour, words};

const WRITERS: usize = 16;
const EACH: usize = 25;

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_writers_in_two_processes_lose_nothing_and_fork_nothing() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let chat = processes[0].chat(an_hour()).await;

    let receipts: Vec<_> = stream::iter(0..WRITERS)
        .map(|writer| {
            let commands = processes[writer % 2].commands.clone();
            let actor = if writer % 4 < 2 { Actor::Chatter } else { Actor::Agent(KeyId::new([1; 16])) };
            tokio::spawn(async move {
                let mut receipts = Vec::new();
                for n in 0..EACH {
                    let name = format!("{writer}-{n}");
                    receipts.push((name.clone(), commands.post(chat.address(), actor, &name, &name).await.unwrap()));
                }
                receipts
            })
        })
        .buffer_unordered(WRITERS)
        .flat_map(|receipts| stream::iter(receipts.unwrap()))
        .collect()
        .await;

    let facts = processes[0].facts(chat.address()).await;
    let said = words(&processes[0], chat).await;
    assert_eq!((facts.len(), said.len()), (1 + WRITERS * EACH, WRITERS * EACH));
    for (name, receipt) in &receipts {
        let place = facts.iter().position(|fact| fact.position == receipt.position).unwrap();
        assert_eq!((facts[place].id(), facts[place].at), (receipt.event, receipt.at));
        // The first fact is the start.
        assert_eq!(said[place - 1], Text::Open(name.clone()));
        assert!(!receipt.replayed);
    }
    assert_eq!(receipts.iter().map(|(_, receipt)| receipt.position).collect::<HashSet<_>>().len(), WRITERS * EACH);
    assert!(facts.is_sorted_by_key(|fact| fact.at), "time never runs backwards");

    for process in &processes {
        process.commits().await;
        process.commands.post(chat.address(), Actor::Chatter, "last", "that is all").await.unwrap();
        let state = process.commands.session(chat.address()).await.unwrap();
        assert_eq!(state.chatter_messages as usize, WRITERS / 2 * EACH + 1);
        assert_eq!(state.agent_messages as usize, WRITERS / 2 * EACH);
    }
}
