use command_service::{Principal, Refusal};
use domain::agent::Rejection;
use nats::Secrets;

use crate::world::{World, policy, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_key_says_who_acts() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let new = process.commands.issue_key(agent, "laptop").await.unwrap();
    let principal = world.process().await.commands.authenticate(&new.text).await.unwrap();
    let expected = Principal { agent, agent_name: "Ada".to_owned(), key: new.key, key_name: "laptop".to_owned() };
    assert_eq!(principal, expected);
    assert_eq!(process.commands.key_name(agent, new.key).await.unwrap().as_deref(), Some("laptop"));
    assert!(!format!("{new:?}").contains(&new.text));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_another_secret_agent_or_installation_is_none() {
    let world = World::start().await;
    let process = world.process().await;
    let (agent, other) = (process.agent().await, process.agent().await);
    let key = process.commands.issue_key(agent, "laptop").await.unwrap().text;
    let theirs = process.commands.issue_key(other, "laptop").await.unwrap().text;
    let part = |text: &str, n: usize| text.split('_').nth(n).unwrap().to_owned();
    let swapped = |n: usize| key.replace(&part(&key, n), &part(&theirs, n));
    for wrong in [swapped(2), swapped(3), swapped(4), "tc_1_x_y_z".to_owned(), String::new()] {
        assert!(matches!(process.commands.authenticate(&wrong).await, Err(Refusal::KeyInvalid)), "{wrong}");
    }
    // The same log, other secrets.
    let elsewhere = world.process_with(&Secrets::generate(), policy()).await;
    assert!(matches!(elsewhere.commands.authenticate(&key).await, Err(Refusal::KeyInvalid)));
    process.commands.authenticate(&key).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_at_once_here_and_soon_elsewhere() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let agent = here.agent().await;
    let new = here.commands.issue_key(agent, "laptop").await.unwrap();
    there.commands.authenticate(&new.text).await.unwrap();
    let began = std::time::Instant::now();
    here.commands.revoke_key(agent, new.key).await.unwrap();
    assert!(matches!(here.commands.authenticate(&new.text).await, Err(Refusal::KeyInvalid)));
    until("the refusal", async || there.commands.authenticate(&new.text).await.err()).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(6));
    let again = here.commands.revoke_key(agent, new.key).await.unwrap();
    assert_eq!(again.event, there.commands.revoke_key(agent, new.key).await.unwrap().event);
    let nobody = here.commands.revoke_key(agent, domain::KeyId::new([9; 16])).await;
    assert!(matches!(nobody, Err(Refusal::Agent(Rejection::KeyUnknown { .. }))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_issued_elsewhere_soon_opens() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let agent = here.agent().await;
    assert_eq!(there.commands.agent_name(agent).await.unwrap(), "Ada");
    let new = here.commands.issue_key(agent, "laptop").await.unwrap();
    let began = std::time::Instant::now();
    until("the key", async || there.commands.authenticate(&new.text).await.ok()).await;
    assert!(began.elapsed() < std::time::Duration::from_secs(2), "a refusal is looked at again after a second");
}
