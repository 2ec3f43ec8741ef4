use command_service::{LinkChanges, NewLink, Refusal};
use domain::link::TextSetting;
use domain::link::{Rejection, Status};
use domain::{Address, KeyId};
use futures_util::future::join_all;
use nats::Actor;
use nats::Field;

use crate::world::{World, an_hour};

const AGENT: Actor = Actor::Agent(KeyId::new([1; 16]));

#[tokio::test(flavor = "multi_thread")]
async fn one_key_makes_one_link_however_often_and_wherever_it_is_asked_for() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let agent = processes[0].agent().await;
    let creations = (0..16).map(|n| {
        let commands = processes[n % 2].commands.clone();
        tokio::spawn(async move { commands.create_link(agent, AGENT, an_hour(), Some("monday")).await.unwrap() })
    });
    let made: Vec<_> = join_all(creations).await.into_iter().map(Result::unwrap).collect();
    let (link, receipt) = made[0];
    assert!(made.iter().all(|(same, again)| (*same, again.event, again.position) == (link, receipt.event, receipt.position)));
    assert_eq!(made.iter().filter(|(_, receipt)| !receipt.replayed).count(), 1);
    assert_eq!(processes[0].names(Address::link(agent, link)).await, ["link.opened"]);

    let another = processes[1].agent().await;
    let (theirs, _) = processes[1].commands.create_link(another, AGENT, an_hour(), Some("monday")).await.unwrap();
    assert_ne!(theirs, link);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_stands_for_one_set_of_settings() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    process.commands.create_link(agent, AGENT, an_hour(), Some("monday")).await.unwrap();
    let other = NewLink { passcode: Some("1234".to_owned()), ..an_hour() };
    assert!(matches!(process.commands.create_link(agent, AGENT, other, Some("monday")).await, Err(Refusal::IdReused)));
    assert_eq!(process.key_owners().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_link_leaves_nothing_behind() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let commits = process.commits().await;
    let endless = NewLink { title: "t".repeat(201), ..an_hour() };
    let refused = process.commands.create_link(agent, AGENT, endless, None).await;
    assert!(matches!(refused, Err(Refusal::Link(Rejection::OutOfRange { setting: "title", .. }))), "{refused:?}");
    assert_eq!(process.commits().await, commits);
    assert_eq!(process.key_owners().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_link_is_not_opened_again_by_its_key() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let agent = processes[0].agent().await;
    let (link, _) = processes[0].commands.create_link(agent, AGENT, an_hour(), Some("monday")).await.unwrap();
    let address = Address::link(agent, link);
    processes[1].commands.link(agent, link).await.unwrap();
    processes[0].commands.revoke_link(agent, AGENT, link, true, None).await.unwrap();
    processes[0].backbone.keys().destroy(address).await.unwrap();
    processes[0].record::<domain::link::Link>(address, link, vec![domain::link::Event::Erased], domain::Millis(0)).await;

    // One knows it, one has yet to hear of it.
    for process in [&world.process().await, &processes[1]] {
        let refused = process.commands.create_link(agent, AGENT, an_hour(), Some("monday")).await;
        assert!(matches!(refused, Err(Refusal::Link(Rejection::Erased) | Refusal::IdReused)), "{refused:?}");
    }
    assert_eq!(world.process().await.commands.link(agent, link).await.unwrap().status, Status::Erased);
    assert_eq!(processes[0].key_owners().await, [], "no key was made for what is gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_seals_its_words_and_leaves_the_rest() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let link = process.link(agent, NewLink { purpose: Some("to know".to_owned()), ..an_hour() }).await;
    let changes = LinkChanges { title: Some("Rain".to_owned()), purpose: Some(None), ..LinkChanges::default() };
    process.commands.update_link(agent, AGENT, link, changes).await.unwrap();
    let settings = process.commands.link(agent, link).await.unwrap().settings.unwrap();
    let vault = process.backbone.opener().vault(Address::link(agent, link)).await.unwrap();
    assert_eq!(
        vault.open(Field::Setting(TextSetting::Title), 0, &settings.title.bytes).unwrap(),
        nats::Text::Open("Rain".to_owned())
    );
    assert_eq!((settings.purpose, settings.max_sessions_at_once), (None, 50));

    let nobody = domain::LinkId::new([9; 16]);
    let refused = process.commands.update_link(agent, AGENT, nobody, LinkChanges::default()).await;
    assert!(matches!(refused, Err(Refusal::Link(Rejection::Unknown))));
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_that_two_processes_add_at_once_are_all_there_and_once() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let agent = processes[0].agent().await;
    let link = processes[0].link(agent, NewLink { recipients: Some(vec!["Ann".to_owned()]), ..an_hour() }).await;
    let additions = (0..12).map(|n| {
        let commands = processes[n % 2].commands.clone();
        let add_recipients = vec!["Ann".to_owned(), format!("Person {}", n / 2)];
        let changes = LinkChanges { more_recipients: Some(add_recipients), ..LinkChanges::default() };
        tokio::spawn(async move { commands.update_link(agent, AGENT, link, changes).await.unwrap() })
    });
    for addition in join_all(additions).await {
        addition.unwrap();
    }
    let fresh = world.process().await;
    let mut labels = fresh.commands.recipients(agent, link).await.unwrap();
    assert_eq!(labels[0], "Ann", "who was there first stays first");
    labels.sort();
    assert_eq!(labels, ["Ann", "Person 0", "Person 1", "Person 2", "Person 3", "Person 4", "Person 5"]);
    assert_eq!(fresh.names(Address::link(agent, link)).await, [&["link.opened"][..], &["link.updated"; 6]].concat());
}
