use std::collections::BTreeMap;

use command_service::{Asking, Join, NewLink, Refusal};
use domain::session::{Event, Rejection};
use domain::{KeyId, QuestionId, link};
use forms::Form;
use nats::{Actor, AnyEvent};
use serde_json::{Value, json};

use crate::idling::fall_idle;
use crate::world::{Chat, Process, World, an_hour, client};

pub(crate) const AGENT: Actor = Actor::Agent(KeyId::new([1; 16]));

pub(crate) fn form() -> Form {
    let fields = json!([
        {"key": "size", "label": "Which?", "type": "choice", "options": ["s", "l"]},
        {"key": "ok", "label": "Fine?", "type": "yes_no"},
    ]);
    Form::new(None, serde_json::from_value(fields).unwrap()).unwrap()
}

pub(crate) fn values(values: Value) -> BTreeMap<String, Value> {
    serde_json::from_value(values).unwrap()
}

/// Tells what each answer left unanswered.
async fn missing(process: &Process, chat: Chat) -> Vec<u8> {
    let facts = process.facts(chat.address()).await;
    let missing = |fact: &nats::Fact| match fact.event {
        AnyEvent::Session(Event::QuestionAnswered { missing, .. }) => Some(missing),
        AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_) => None,
    };
    facts.iter().filter_map(missing).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_asks_is_answered_through_another_at_once() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let chat = here.chat(an_hour()).await;
    // It has seen the session before the question.
    there.commands.post(chat.address(), Actor::Chatter, "1", "hello").await.unwrap();
    let (question, _) = here.commands.ask(chat.address(), AGENT, "1", &form(), Asking::default()).await.unwrap();
    let answer =
        async |process: &Process, id: &str, given| process.commands.answer(chat.address(), id, question, &values(given)).await;
    answer(&there, "a", json!({"size": "l"})).await.unwrap();
    answer(&here, "b", json!({"ok": false})).await.unwrap();
    assert_eq!(missing(&here, chat).await, [0b10, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_the_first_answer_whatever_has_happened_since() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let (question, asked) = process.commands.ask(chat.address(), AGENT, "1", &form(), Asking::default()).await.unwrap();
    let given = values(json!({"size": "l", "ok": true}));
    let first = process.commands.answer(chat.address(), "a", question, &given).await.unwrap();
    process.commands.post(chat.address(), AGENT, "2", "thanks").await.unwrap();
    process.commands.end(chat.address(), AGENT, domain::session::EndReason::AgentEnded, None).await.unwrap();
    let before = process.commits().await;
    for process in [&process, &world.process().await] {
        let again = process.commands.answer(chat.address(), "a", question, &given).await.unwrap();
        assert_eq!((again.event, again.replayed), (first.event, true));
        let again = process.commands.ask(chat.address(), AGENT, "1", &form(), Asking::default()).await.unwrap();
        assert_eq!((again.0, again.1.event, again.1.replayed), (question, asked.event, true));
        let other = process.commands.answer(chat.address(), "a", question, &values(json!({"ok": false}))).await;
        assert!(matches!(other, Err(Refusal::IdReused)), "{other:?}");
    }
    assert_eq!(process.commits().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_or_was_not_asked_is_not_recorded() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let (question, _) = process.commands.ask(chat.address(), AGENT, "1", &form(), Asking::default()).await.unwrap();
    let refused = process.commands.answer(chat.address(), "a", question, &values(json!({"size": "xl"}))).await;
    let Err(Refusal::AnswerInvalid(errors)) = refused else { panic!("{refused:?}") };
    assert_eq!(errors[0].key, "size");
    let unknown = QuestionId::new([9; 16]);
    let refused = process.commands.answer(chat.address(), "a", unknown, &values(json!({}))).await;
    let expected = Refusal::Session(Rejection::QuestionUnknown { question: unknown });
    assert_eq!(format!("{refused:?}"), format!("{:?}", Err::<(), _>(expected)));
    assert_eq!(process.names(chat.address()).await, ["session.started", "session.question_asked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_brings_an_idle_chat_back() {
    let world = World::start().await;
    let process = world.process().await;
    let chat = process.chat(an_hour()).await;
    let (question, _) = process.commands.ask(chat.address(), AGENT, "1", &form(), Asking::default()).await.unwrap();
    fall_idle(&process, chat).await;
    let fresh = world.process().await;
    fresh.commands.answer(chat.address(), "a", question, &values(json!({"ok": true}))).await.unwrap();
    let names = fresh.names(chat.address()).await;
    assert_eq!(names[3..], ["session.resumed", "session.question_answered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_links_question_is_one_in_all_its_sessions_and_closes_like_any() {
    let world = World::start().await;
    let process = world.process().await;
    let agent = process.agent().await;
    let new = NewLink { questions: Some(form()), max_sessions_at_once: 2, ..an_hour() };
    let link = process.link(agent, new).await;
    let question = process.commands.link(agent, link).await.unwrap().settings.unwrap().questions.unwrap().question;
    for client_id in ["one", "two"] {
        let chat = process.chat_on(agent, link, client_id).await;
        assert_eq!(process.names(chat.address()).await, ["session.started", "session.question_asked"]);
        let given = values(json!({"size": "s", "ok": true}));
        process.commands.answer(chat.address(), "a", question, &given).await.unwrap();
        process.commands.post(chat.address(), AGENT, "1", "thanks").await.unwrap();
        let late = process.commands.answer(chat.address(), "b", question, &given).await;
        assert!(matches!(late, Err(Refusal::Session(Rejection::QuestionClosed))), "{late:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_come_as_one_recipient_one_gets_in() {
    let world = World::start().await;
    let (here, there) = (world.process().await, world.process().await);
    let agent = here.agent().await;
    let recipients = vec!["Ann".to_owned(), "Bo".to_owned()];
    let link = here.link(agent, NewLink { recipients: Some(recipients.clone()), max_sessions_at_once: 9, ..an_hour() }).await;
    assert_eq!(here.commands.recipients(agent, link).await.unwrap(), recipients);
    let come = async |process: &Process, client_id: &str| {
        let join = Join { recipient: Some(1), ..client(agent, link, client_id) };
        process.commands.join(&join).await
    };
    let joined = tokio::join!(come(&here, "one"), come(&there, "two"), come(&here, "three"), come(&there, "four"));
    let joined = [joined.0, joined.1, joined.2, joined.3];
    assert_eq!(joined.iter().filter(|joined| joined.is_ok()).count(), 1, "{joined:?}");
    let refused = |joined: &&Result<_, _>| matches!(joined, Err(Refusal::Link(link::Rejection::RecipientCame)));
    assert_eq!(joined.iter().filter(refused).count(), 3, "{joined:?}");
}
