//! Nothing is said past unread words, though two processes write and a person does not wait.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use command_service::{Asking, Issuer, Receipt, Refusal};
use domain::budget::{Budget, Limits};
use domain::session::{Author, EndReason, Event, EventPosition, Rejection};
use domain::{KeyId, Millis, QuestionId};
use forms::Form;
use nats::{Actor, AnyEvent, Fact, Position};
use serde_json::json;

use crate::world::{Chat, Process, World, an_hour};

/// How many words a person says, and at least how many an agent's key.
const WORDS: usize = 60;

fn key(n: u8) -> KeyId {
    KeyId::new([n; 16])
}

fn issuer(n: u8, read: Position) -> Issuer {
    Issuer { actor: Actor::Agent(key(n)), read: Some(read.into()) }
}

fn is_held(said: &Result<Receipt, Refusal>) -> bool {
    matches!(said, Err(Refusal::Session(Rejection::Unread { .. })))
}

fn is_word(fact: &Fact) -> bool {
    matches!(fact.event, AnyEvent::Session(Event::MessagePosted { from: Author::Chatter, .. } | Event::QuestionAnswered { .. }))
}

async fn last(process: &Process, chat: Chat) -> Position {
    process.facts(chat.address()).await.last().expect("it began").position
}

/// Asks what a person may answer in part, again and again.
async fn ask(process: &Process, chat: Chat) -> QuestionId {
    let field = |key| json!({"key": key, "label": "Fine?", "type": "yes_no"});
    let form = Form::new(None, serde_json::from_value(json!([field("a"), field("b")])).unwrap()).unwrap();
    process.commands.ask(chat.address(), Actor::Agent(key(1)), "question", &form, Asking::default()).await.unwrap().0
}

/// A person writes and changes an answer, through both processes in turn.
async fn write(processes: &[Process; 2], chat: Chat, question: QuestionId) {
    for n in 0..WORDS {
        let commands = &processes[n % 2].commands;
        if n % 4 == 3 {
            let values = BTreeMap::from([("a".to_owned(), json!(n % 8 == 3))]);
            commands.answer(chat.address(), &format!("answer {n}"), question, &values).await.unwrap();
        } else {
            commands.post(chat.address(), Actor::Chatter, &format!("word {n}"), "Wait!").await.unwrap();
        }
    }
}

/// A key reads and speaks until the person is done; returns what it had read when it said what, and how often it was held.
async fn speak(processes: &[Process; 2], chat: Chat, n: u8, is_done: &AtomicBool) -> (HashMap<Position, Position>, usize) {
    let (mut said, mut held, mut tries) = (HashMap::new(), 0, 0_usize);
    while !is_done.load(Ordering::Relaxed) || said.len() < 3 {
        let commands = &processes[(tries + usize::from(n)) % 2].commands;
        let read = last(&processes[0], chat).await;
        let outcome = commands.post(chat.address(), issuer(n, read), &format!("{n}: {tries}"), "Then I shall.").await;
        if is_held(&outcome) {
            held += 1;
        } else {
            said.insert(outcome.unwrap().position, read);
        }
        tries += 1;
    }
    (said, held)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_in_two_processes_say_nothing_past_a_person_who_does_not_wait() {
    let world = World::start().await;
    let processes = [world.process().await, world.process().await];
    let chat = processes[0].chat(an_hour()).await;
    let question = ask(&processes[0], chat).await;
    let is_done = AtomicBool::new(false);
    let person = async {
        write(&processes, chat, question).await;
        is_done.store(true, Ordering::Relaxed);
    };
    let ((), one, two) = tokio::join!(person, speak(&processes, chat, 1, &is_done), speak(&processes, chat, 2, &is_done));

    let facts = processes[0].facts(chat.address()).await;
    assert_eq!(facts.iter().filter(|fact| is_word(fact)).count(), WORDS);
    let said: HashMap<_, _> = one.0.into_iter().chain(two.0).collect();
    let mut spoken = 0;
    for (index, fact) in facts.iter().enumerate() {
        let Some(read) = said.get(&fact.position) else { continue };
        spoken += 1;
        let unread = facts[..index].iter().filter(|earlier| is_word(earlier) && earlier.position > *read).count();
        assert_eq!(unread, 0, "{:?} was said past unread words", fact.position);
    }
    assert_eq!(spoken, said.len());
    println!("{spoken} words of the agent's among {WORDS} of the person's; held {} and {} times", one.1, two.1);
    assert!(one.1 + two.1 > 0, "nobody was ever in another's way");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_writes_nothing_and_leaves_its_id_free() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let turns = Limits { turns: Some(1), ..Limits::default() };
    let budget = Budget { link: turns, ..Budget::default() };
    let chat = here.chat(command_service::NewLink { budget, ..an_hour() }).await;
    let before = last(&here, chat).await;
    // This process has seen the session as it was before the word.
    here.commands.session(chat.address()).await.unwrap();
    there.commands.post(chat.address(), Actor::Chatter, "no", "No, do not do it").await.unwrap();
    let (of_chat, of_link) = (here.names(chat.address()).await, here.names(chat.at_link()).await);

    let say = async |read| here.commands.post(chat.address(), issuer(1, read), "done", "It is done").await;
    assert!(is_held(&say(before).await) && is_held(&say(before).await));
    let end = here.commands.end(chat.address(), issuer(1, before), EndReason::AgentEnded, Some("Bye")).await;
    assert!(is_held(&end));
    assert!(is_held(&here.commands.plan_end(chat.address(), issuer(1, before), Millis::MINUTE, Some("Bye")).await));
    assert_eq!((here.names(chat.address()).await, here.names(chat.at_link()).await), (of_chat, of_link));

    // Under the same id, once it is read; again, it is the same word, whatever was said since.
    let read = last(&here, chat).await;
    let said = say(read).await.unwrap();
    there.commands.post(chat.address(), Actor::Chatter, "why", "Why?").await.unwrap();
    let again = there.commands.post(chat.address(), issuer(1, before), "done", "It is done").await.unwrap();
    assert_eq!((again.event, again.replayed), (said.event, true));
    // The link's budget is used up, but it is not asked for what is held.
    assert!(is_held(&here.commands.post(chat.address(), issuer(1, before), "more", "And more").await));
    let of_link = here.names(chat.at_link()).await;
    let refused = here.commands.post(chat.address(), Actor::Agent(key(1)), "more", "And more").await;
    assert!(matches!(refused, Err(Refusal::Link(domain::link::Rejection::BudgetReached(_)))), "{refused:?}");
    assert_eq!(here.names(chat.at_link()).await, of_link);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_question_is_taken_back_or_replaced_past_its_answer() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let chat = here.chat(an_hour()).await;
    let question = ask(&here, chat).await;
    let before = last(&here, chat).await;
    let values = BTreeMap::from([("a".to_owned(), json!(true))]);
    there.commands.answer(chat.address(), "yes", question, &values).await.unwrap();
    let names = here.names(chat.address()).await;

    let withdraw =
        async |read| here.commands.withdraw_question(chat.address(), issuer(1, read), question, Some("Never mind")).await;
    let form =
        Form::new(None, serde_json::from_value(json!([{"key": "a", "label": "Sure?", "type": "yes_no"}])).unwrap()).unwrap();
    let asking = Asking { replaces: Some(question), ..Asking::default() };
    let replace = async |read| here.commands.ask(chat.address(), issuer(1, read), "again", &form, asking).await;
    assert!(is_held(&withdraw(before).await));
    assert!(is_held(&replace(before).await.map(|(_, receipt)| receipt)));
    assert_eq!(here.names(chat.address()).await, names);

    // Once it is read, under the same id; and whoever repeats it gets the first answer, whatever the person has said since.
    let (second, asked) = replace(last(&here, chat).await).await.unwrap();
    there.commands.post(chat.address(), Actor::Chatter, "wait", "Wait").await.unwrap();
    let (again, repeated) = replace(before).await.unwrap();
    assert_eq!((again, repeated.event, repeated.replayed), (second, asked.event, true));
    // It is closed: that is said first, to whoever has not read on.
    let closed = withdraw(before).await;
    assert!(matches!(closed, Err(Refusal::Session(Rejection::QuestionClosed))), "{closed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_holds_a_block_a_revocation_or_an_erasure() {
    let world = World::start().await;
    let process = world.process().await;
    let (blocked, erased) = (process.chat(an_hour()).await, process.chat(an_hour()).await);
    for chat in [blocked, erased] {
        process.commands.post(chat.address(), Actor::Chatter, "word", "Hello").await.unwrap();
    }
    process.commands.block(blocked.address(), Actor::Agent(key(1)), Some("Not like this")).await.unwrap();
    process.commands.erase(erased.address(), Actor::Agent(key(1))).await.unwrap();
    assert_eq!(process.names(blocked.address()).await.last(), Some(&"session.ended"));
    assert_eq!(process.names(erased.address()).await.last(), Some(&"session.erased"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_read_what_it_acknowledged_through_any_process() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let chat = here.chat(an_hour()).await;
    let said = here.commands.post(chat.address(), Actor::Chatter, "word", "Hello").await.unwrap();
    let read_by = async |process: &Process, n| process.commands.read_by(chat.address(), key(n), None).await.unwrap();
    assert_eq!(read_by(&there, 1).await, EventPosition::default());
    let by = domain::session::Reader::Agent(key(1));
    here.commands.mark_read(chat.address(), by, said.position).await.unwrap();
    // The state that this process has is younger than a second, and older than the mark.
    assert_eq!(read_by(&there, 1).await, EventPosition::whole(said.position.sequence));
    assert_eq!(read_by(&there, 2).await, EventPosition::default());
}
