//! What only the inside shows, on a real log: what is cached, and what is hashed.

use std::sync::Arc;
use std::time::Duration;

use domain::agent::{Agent, Command};
use domain::link::Rejection;
use domain::{Address, AgentId, Millis, Policy};
use nats::{Actor, Backbone, Options, Reserve, Secrets};
use servers::{DataDir, NatsOptions, NatsServer};
use tokio::time::timeout;

use crate::cache_weight::AGGREGATE;
use crate::executor::{Executor, Request};
use crate::{Commands, End, Join, LinkChanges, NewLink, Refusal};

/// Longer than anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

async fn log() -> (NatsServer, Backbone) {
    let data = DataDir::temporary().unwrap();
    let nats = NatsServer::start(&data, NatsOptions { sync_always: false, ..NatsOptions::default() }).await.unwrap();
    let options = Options { shards: 1, shard_bytes: 64 << 20, ..Options::new(nats.url(), Secrets::generate()) };
    let backbone = Backbone::connect(options).await.unwrap();
    (nats, backbone)
}

fn address(n: u32) -> Address {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&n.to_be_bytes());
    Address::agent(AgentId::new(id))
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_ids_displace_nothing_that_there_is() {
    let (nats, backbone) = log().await;
    let agents = Executor::<Agent>::new(&backbone, Arc::new(Policy::default()), 20 * AGGREGATE as u64);
    for n in 0..8 {
        let register = Request::once(Actor::Operator, Command::Register { name: "Ada".to_owned() });
        agents.execute(address(n), register, Reserve::Ordinary).await.unwrap();
    }
    for n in 1_000..1_300 {
        assert!(agents.look(address(n), Duration::ZERO, |root| root.state.name.is_none()).await.unwrap());
    }
    // From here on a request to the log gets no answer.
    drop(nats);
    for n in 0..8 {
        let look = agents.look(address(n), Duration::from_hours(1), |root| root.state.name.clone());
        assert_eq!(timeout(PATIENCE, look).await.expect("it is at hand").unwrap().as_deref(), Some("Ada"), "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_passcode_is_hashed_for_an_answer_that_does_not_depend_on_it() {
    let (_nats, backbone) = log().await;
    let commands = Commands::new(backbone, Policy::default());
    let (agent, _) = commands.register_agent("Ada").await.unwrap();
    let new = || NewLink {
        passcode: Some("1234".to_owned()),
        ..NewLink::usual("Weather".to_owned(), End::In(Millis::minutes(60)), &Policy::default())
    };
    let create = || commands.create_link(agent, Actor::Operator, new(), Some("monday"));
    let (link, first) = create().await.unwrap();
    commands.pause_link(agent, Actor::Operator, link, true).await.unwrap();

    let _all = commands.inner.passcodes.hold().await;
    // From here on hashing waits for ever.
    let (again, repeat) = timeout(PATIENCE, create()).await.expect("nothing is hashed").unwrap();
    assert_eq!((again, repeat.event, repeat.replayed), (link, first.event, true));
    let other = NewLink { title: "Else".to_owned(), ..new() };
    let other_settings = commands.create_link(agent, Actor::Operator, other, Some("monday"));
    assert!(matches!(timeout(PATIENCE, other_settings).await.expect("nothing is hashed"), Err(Refusal::IdReused)));

    let join = Join {
        agent,
        link,
        rotation: 0,
        network: None,
        recipient: None,
        client_id: "someone".to_owned(),
        display_name: None,
        passcode: Some("1234".to_owned()),
        language: None,
        start_new: false,
        holds: None,
    };
    let refused = timeout(PATIENCE, commands.join(&join)).await.expect("nothing is hashed");
    assert!(matches!(refused, Err(Refusal::Link(Rejection::Paused))), "{refused:?}");
    let unknown = domain::LinkId::new([9; 16]);
    let changes = LinkChanges { passcode: Some(Some("4321".to_owned())), ..LinkChanges::default() };
    let refused = commands.update_link(agent, Actor::Operator, unknown, changes);
    let refused = timeout(PATIENCE, refused).await.expect("nothing is hashed");
    assert!(matches!(refused, Err(Refusal::Link(Rejection::Unknown))), "{refused:?}");
}
