use command_service::{Joined, NewLink, Receipt, Refusal};
use domain::KeyId;
use domain::session::EndReason;
use nats::Actor;

use crate::world::{Chat, Process, World, an_hour, client};

/// Every command whose repeats are told by an id.
#[derive(Debug, Clone, Copy)]
enum Step {
    Create,
    Join,
    Ask(u8),
    Reply(u8),
    Rate,
}

const STEPS: [Step; 7] = [Step::Create, Step::Join, Step::Ask(1), Step::Reply(1), Step::Ask(2), Step::Reply(2), Step::Rate];
const AGENT: Actor = Actor::Agent(KeyId::new([1; 16]));

fn settings() -> NewLink {
    NewLink {
        welcome_message: Some("Hello!".to_owned()),
        passcode: Some("1234".to_owned()),
        max_messages_per_session: 2,
        ..an_hour()
    }
}

impl Step {
    async fn take(self, process: &Process, chat: Chat) -> Option<Receipt> {
        let (commands, address) = (&process.commands, chat.address());
        Some(match self {
            Self::Create => {
                let (link, receipt) = commands.create_link(chat.agent, AGENT, settings(), Some("monday")).await.unwrap();
                assert_eq!(link, chat.link);
                receipt
            }
            Self::Join => {
                let mut join = client(chat.agent, chat.link, "someone");
                join.passcode = Some("1234".to_owned());
                match commands.join(&join).await.unwrap() {
                    Joined::Started(session, receipt) => {
                        assert_eq!(session, chat.session);
                        receipt
                    }
                    Joined::Existing(session) => {
                        assert_eq!(session, chat.session);
                        return None;
                    }
                }
            }
            Self::Ask(n) => commands.post(address, Actor::Chatter, &n.to_string(), &format!("question {n}")).await.unwrap(),
            Self::Reply(n) => commands.post(address, AGENT, &n.to_string(), &format!("answer {n}")).await.unwrap(),
            Self::Rate => commands.rate(address, 5, Some("thank you")).await.unwrap(),
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_repeated_gets_its_first_answer_whatever_has_happened_since() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let agent = processes[0].agent().await;
    let derived = world.derived();
    let link = derived.link(agent, "monday");
    let chat = Chat { agent, link, session: derived.session(link, "someone", 0) };

    let mut first = Vec::new();
    for step in STEPS {
        let receipt = step.take(&processes[0], chat).await.unwrap();
        assert!(!receipt.replayed, "{step:?}");
        first.push((step, receipt));
    }
    // The limit is reached, the chat has ended, the link is closed: a repeat is still a repeat.
    processes[0].commands.end(chat.address(), Actor::Chatter, EndReason::ChatterLeft, None).await.unwrap();
    processes[0].commands.revoke_link(agent, AGENT, link, true, None).await.unwrap();
    let commits = processes[0].commits().await;

    let mut repeats: Vec<_> = (0..3_u8).flat_map(|round| first.iter().map(move |step| (round, *step))).collect();
    repeats.sort_by_key(|(round, (step, _))| *blake3::hash(format!("{round} {step:?}").as_bytes()).as_bytes());
    for (n, (_, (step, receipt))) in repeats.into_iter().enumerate() {
        if let Some(again) = step.take(&processes[n % 2], chat).await {
            assert_eq!(again, Receipt { replayed: true, ..receipt }, "{step:?}");
        }
    }
    assert_eq!(processes[1].commits().await, commits);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_message_sent_at_once_from_everywhere_is_said_once() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let chat = processes[0].chat(an_hour()).await;
    let posts = (0..32).map(|n| {
        let commands = processes[n % 2].commands.clone();
        tokio::spawn(async move { commands.post(chat.address(), Actor::Chatter, "1", "hello").await.unwrap() })
    });
    let receipts: Vec<_> = futures_util::future::join_all(posts).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(receipts.iter().filter(|receipt| !receipt.replayed).count(), 1);
    assert!(receipts.iter().all(|receipt| receipt.event == receipts[0].event && receipt.position == receipts[0].position));
    assert_eq!(processes[0].names(chat.address()).await, ["session.started", "session.message_posted"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_with_other_words_is_refused() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let post = async |actor, text| process.commands.post(chat.address(), actor, "1", text).await;
    post(Actor::Chatter, "hello").await.unwrap();
    assert!(matches!(post(Actor::Chatter, "goodbye").await, Err(Refusal::IdReused)));
    // The agent's ids are its own.
    assert!(!post(AGENT, "goodbye").await.unwrap().replayed);
    assert!(matches!(process.commands.rate(chat.address(), 4, None).await, Ok(receipt) if !receipt.replayed));
    assert!(matches!(process.commands.rate(chat.address(), 5, None).await, Err(Refusal::IdReused)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_so_already_is_answered_with_the_last_event() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let end = async || process.commands.end(chat.address(), Actor::Chatter, EndReason::ChatterLeft, Some("bye")).await.unwrap();
    let (first, again) = (end().await, end().await);
    assert_eq!(first, again);
    let last = process.facts(chat.address()).await.pop().unwrap();
    assert_eq!((last.id(), last.position, last.at), (again.event, again.position, again.at));
}
