//! Agents and their keys, for whoever runs this service.

use crate::world::{ANY, World, agent, key};

#[tokio::test]
async fn an_operator_sees_all_agents_with_the_names_of_their_keys() {
    let world = World::start().await;
    world.agent(agent(2), "Ada").await;
    world.agent(agent(1), "Bob").await;
    world.sql("UPDATE agent_key SET revoked_at = issued_at WHERE name = 'laptop' AND sequence = 1").await;
    let agents = world.queries.agents().await.unwrap();
    assert_eq!(agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["Ada", "Bob"]);
    let ada = agents.first().unwrap();
    assert_eq!((ada.id, ada.keys.len()), (agent(2), 1));
    assert_eq!(
        (ada.keys[0].id, ada.keys[0].name.as_str(), ada.keys[0].revoked_at),
        (key(agent(2)), "laptop", Some(ada.keys[0].issued_at))
    );
    let webhook = ada.webhook.clone().unwrap();
    assert_eq!((webhook.url.as_str(), webhook.with_text, webhook.rotation), ("https://hook.example", false, 2));

    assert_eq!(world.queries.agent(agent(1), ANY).await.unwrap().value.unwrap().keys.len(), 1);
    assert_eq!(world.queries.agent(agent(3), ANY).await.unwrap().value, None);
}
