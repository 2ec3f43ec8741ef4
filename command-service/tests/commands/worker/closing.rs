//! Questions that time out and ends that were planned, against whatever comes at the same moment.

use std::collections::BTreeMap;
use std::time::Duration;

use command_service::{Asking, Refusal};
use domain::session::{Closing, EndReason, Event, Rejection};
use domain::{Millis, QuestionId, Target};
use nats::{Actor, AnyEvent, Field, Text};
use serde_json::json;

use super::{NOW, Scene};
use crate::asking::{AGENT, form, values};
use crate::world::{Chat, Process, an_hour, until};

/// How questions were closed, in the log's order; none may have been answered after.
async fn closings(process: &Process, chat: Chat) -> BTreeMap<QuestionId, Vec<Closing>> {
    let mut closings = BTreeMap::<_, Vec<_>>::new();
    for fact in process.facts(chat.address()).await {
        match fact.event {
            AnyEvent::Session(Event::QuestionClosed { question, why, .. }) => closings.entry(question).or_default().push(why),
            AnyEvent::Session(Event::QuestionAnswered { question, .. }) => {
                assert!(!closings.contains_key(&question), "answered after it was closed");
            }
            AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_) => {}
        }
    }
    closings
}

/// Asks what times out `within`, and means no where nobody answers.
async fn ask(scene: &Scene, chat: Chat, attempt: &str, within: Millis) -> QuestionId {
    let form = form().with_silence(&values(json!({"size": "s", "ok": false}))).unwrap();
    let asking = Asking { is_final: true, answer_within: Some(within), replaces: None };
    let (question, _) = scene.process.commands.ask(chat.address(), AGENT, attempt, &form, asking).await.unwrap();
    scene.schedule(chat, Target::Session(chat.session), "time_out_questions", within).await;
    question
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_races_closes_a_question_once() {
    let scene = Scene::set().await;
    let there = scene.world.process().await;
    let mut ways = Vec::new();
    for round in 0..6_u64 {
        let chat = scene.process.chat(an_hour()).await;
        let question = ask(&scene, chat, "1", Millis(1_500)).await;
        let worker = scene.work().await;
        let deadline = scene.process.commands.session(chat.address()).await.unwrap().next_deadline();
        let left = deadline.map_or(0, |at| (at - command_service::clock::now()).0).max(0).unsigned_abs();
        // All come at about the moment at which the timer fires, each round in another order.
        let turn = async |which: u64| {
            let late = (round * 7 + which * 11) % 30;
            tokio::time::sleep(Duration::from_millis(left.saturating_sub(20) + late)).await;
        };
        let answer = async |which: u64, process: &Process, id: &str| {
            turn(which).await;
            process.commands.answer(chat.address(), id, question, &values(json!({"size": "l", "ok": true}))).await
        };
        let withdraw = async {
            turn(2).await;
            there.commands.withdraw_question(chat.address(), AGENT, question, None).await
        };
        let replace = async {
            turn(3).await;
            let asking = Asking { replaces: Some(question), ..Asking::default() };
            there.commands.ask(chat.address(), AGENT, "2", &form(), asking).await
        };
        let (here, device, withdrawn, replaced) =
            tokio::join!(answer(0, &scene.process, "a"), answer(1, &there, "b"), withdraw, replace);
        for refused in [here.err(), device.err(), withdrawn.err(), replaced.err()].into_iter().flatten() {
            assert!(matches!(refused, Refusal::Session(Rejection::QuestionClosed)), "{refused:?}");
        }
        let known = until("the question is closed", async || closings(&scene.process, chat).await.remove(&question)).await;
        assert_eq!(known.len(), 1, "{known:?}");
        ways.extend(known);
        worker.stop().await;
    }
    println!("closed by: {ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_means_what_was_said_and_a_word_makes_it_void() {
    let scene = Scene::set().await;
    let (silent, spoke) = (scene.process.chat(an_hour()).await, scene.process.chat(an_hour()).await);
    for (chat, says) in [(silent, false), (spoke, true)] {
        let question = ask(&scene, chat, "1", Millis(if says { 2_000 } else { 200 })).await;
        if says {
            scene.process.commands.post(chat.address(), Actor::Chatter, "1", "Wait, do not do it!").await.unwrap();
        }
        let worker = scene.work().await;
        let closed = until("the question timed out", async || closings(&scene.process, chat).await.remove(&question)).await;
        assert_eq!(closed, [Closing::TimedOut]);
        let facts = scene.process.facts(chat.address()).await;
        let meant = facts.iter().find_map(|fact| match &fact.event {
            AnyEvent::Session(Event::QuestionClosed { values, .. }) => Some(values.clone()),
            AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_) => None,
        });
        let meant = meant.flatten();
        assert_eq!(meant.is_none(), says);
        if let Some(meant) = meant {
            // It was sealed when it was asked, and still opens in the commit that closes it.
            let vault = scene.process.backbone.opener().vault(chat.address()).await.unwrap();
            let Text::Open(document) = vault.open(Field::IfSilent, 0, &meant.bytes).unwrap() else { panic!("erased") };
            assert_eq!(forms::Answer::from_document(&document).unwrap().into_values()["ok"], false);
        }
        let late = scene.process.commands.answer(chat.address(), "late", question, &values(json!({"ok": true}))).await;
        assert!(matches!(late, Err(Refusal::Session(Rejection::QuestionClosed))), "{late:?}");
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_timer_lets_no_late_answer_in() {
    let scene = Scene::set().await;
    let chat = scene.process.chat(an_hour()).await;
    let question = ask(&scene, chat, "1", Millis(1)).await;
    let refused = until("its time is up", async || {
        let late = scene.process.commands.answer(chat.address(), "late", question, &values(json!({"ok": true}))).await;
        late.err()
    })
    .await;
    assert!(matches!(refused, Refusal::Session(Rejection::QuestionClosed)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_planned_end_comes_with_its_last_words_unless_the_person_speaks() {
    let scene = Scene::set().await;
    let (silent, spoke) = (scene.process.chat(an_hour()).await, scene.process.chat(an_hour()).await);
    for chat in [silent, spoke] {
        scene.process.commands.plan_end(chat.address(), AGENT, Millis(1), Some("so long")).await.unwrap();
    }
    scene.process.commands.post(spoke.address(), Actor::Chatter, "1", "wait").await.unwrap();
    for chat in [silent, spoke] {
        scene.schedule(chat, Target::Session(chat.session), "end_as_planned", NOW).await;
    }
    let worker = scene.work().await;
    for chat in [silent, spoke] {
        scene.rows.done(chat.session.bytes(), "end_as_planned").await;
    }
    worker.stop().await;
    let told = ["session.end_planned", "session.message_posted", "session.ended"];
    assert_eq!(scene.process.names(silent.address()).await[1..], told);
    assert_eq!(crate::world::words(&scene.process, silent).await, [Text::Open("so long".to_owned())]);
    let last = scene.process.facts(silent.address()).await.pop().map(|fact| fact.event);
    assert_eq!(last, Some(AnyEvent::Session(Event::Ended { reason: EndReason::AgentEnded })));
    let told = ["session.end_planned", "session.end_called_off", "session.message_posted"];
    assert_eq!(scene.process.names(spoke.address()).await[1..], told);
}
