//! What only the inside shows, on a real log: what is cached.

use std::sync::Arc;
use std::time::Duration;

use domain::agent::{Agent, Command};
use domain::{Address, AgentId, Policy};
use nats::{Actor, Backbone, Options, Reserve, Secrets};
use servers::{DataDir, NatsOptions, NatsServer};
use tokio::time::timeout;

use crate::cache_weight::AGGREGATE;
use crate::executor::{Executor, Request};

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
    let agents = Executor::<Agent>::new(backbone.store(), Arc::new(Policy::default()), 20 * AGGREGATE as u64);
    for n in 0..8 {
        let register = Request::once(Actor::Operator, Command::Register { name: "Ada".to_owned() });
        agents.execute(address(n), register, Reserve::Ordinary).await.unwrap();
    }
    for n in 1_000..1_300 {
        assert!(agents.look(address(n), Duration::ZERO, |root| root.state.name.is_none()).await.unwrap());
    }
    // Whoever has to ask the log now gets no answer.
    drop(nats);
    for n in 0..8 {
        let look = agents.look(address(n), Duration::from_hours(1), |root| root.state.name.clone());
        assert_eq!(timeout(PATIENCE, look).await.expect("it is at hand").unwrap().as_deref(), Some("Ada"), "{n}");
    }
}
