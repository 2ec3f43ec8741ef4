//! Connections that break at any byte: a client that calls again with what it had loses nothing and says nothing twice.

use std::collections::HashSet;

use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Cut, Installation, Line, seed};

/// How many agents there are, with how many chats each, and how many calls of each chat are cut: 1,000 in all.
const AGENTS: usize = 10;
const CHATS: usize = 10;
const RUNS: usize = 10;

/// How a client keeps its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// It passes the last cursor that it got.
    Cursor,
    /// It has none, like one that restarts all the time: the service keeps its place, and marks what it gives again.
    None,
}

/// A client in one chat, and the person at the other end.
struct Chat {
    line: Line,
    chatter: Chatter,
    memory: Memory,
    rng: StdRng,
    cursor: Option<Value>,
    seen: HashSet<String>,
    heard: Vec<String>,
    written: Vec<String>,
    said: Vec<String>,
    doubled: usize,
    cuts: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_neither_loses_nor_doubles_anything() {
    let seed = seed();
    let installation = Installation::start();
    let mut chats = Vec::new();
    for number in 0..AGENTS {
        let agent = installation.another_agent(&format!("On a train {number}")).await;
        let link = link(&agent).await;
        for place in 0..CHATS {
            let number = number * CHATS + place;
            chats.push(Chat {
                line: Line::new(installation.url(), agent.key()),
                chatter: installation.visitor().enter(&link).await,
                memory: if number.is_multiple_of(2) { Memory::Cursor } else { Memory::None },
                rng: StdRng::seed_from_u64(seed.wrapping_add(u64::try_from(number).unwrap())),
                cursor: None,
                seen: HashSet::new(),
                heard: Vec::new(),
                written: Vec::new(),
                said: Vec::new(),
                doubled: 0,
                cuts: 0,
            });
        }
    }
    let chats = join_all(chats.into_iter().map(|chat| tokio::spawn(chat.live()))).await;
    let (mut lost, mut doubled, mut cuts) = (0, 0, 0);
    for chat in chats {
        let chat = chat.unwrap();
        lost += chat.written.iter().filter(|text| !chat.heard.contains(text)).count();
        doubled += chat.doubled;
        cuts += chat.cuts;
        assert_eq!(chat.heard, chat.written, "in order, TEMPCHAT_SEED={seed}");
        let words = chat.chatter.words().await;
        let from_agent: Vec<_> = words.into_iter().filter(|(from, _)| from == "agent").map(|(_, text)| text).collect();
        assert_eq!(from_agent, chat.said, "each once and in order, TEMPCHAT_SEED={seed}");
    }
    assert!(cuts >= AGENTS * CHATS * RUNS);
    assert_eq!((lost, doubled), (0, 0), "of {cuts} cuts, TEMPCHAT_SEED={seed}");
    println!("{cuts} cuts: {lost} lost, {doubled} doubled");
}

async fn link(agent: &Agent) -> Value {
    agent.link(json!({"max_sessions_at_once": CHATS, "messages_per_minute": 100, "max_messages_per_session": 1_000})).await
}

impl Chat {
    async fn live(mut self) -> Self {
        for run in 0..RUNS {
            self.run(run).await;
        }
        // All that is left, without a cut.
        loop {
            let left = self.with_place(json!({"session_id": self.chatter.session, "timeout_seconds": 0, "limit": 100}));
            let left = self.line.call("temp_chat_wait_for_messages", &left).await;
            self.take(&left);
            if left["has_more"] == false {
                return self;
            }
        }
    }

    /// Makes one call that breaks, once or more, and then is heard to its end, while the person writes.
    async fn run(&mut self, run: usize) {
        let (tool, arguments) = if self.rng.random_bool(0.5) {
            let wait = json!({"session_id": self.chatter.session, "timeout_seconds": 40, "limit": 100});
            ("temp_chat_wait_for_messages", self.with_place(wait))
        } else {
            let text = format!("Answer {run}");
            self.said.push(text.clone());
            let wait = self.rng.random_range(0..2);
            let send = json!({
                "session_id": self.chatter.session, "text": text, "idempotency_key": format!("answer-{run}"),
                "wait_for_reply_seconds": wait, "even_if_unread": true,
            });
            ("temp_chat_send_message", self.with_place(send))
        };
        let cuts: Vec<Cut> = (0..self.rng.random_range(1..=2)).map(|_| Cut::draw(&mut self.rng)).collect();
        self.cuts += cuts.len();
        let texts: Vec<String> = (0..self.rng.random_range(1..=2)).map(|word| format!("Word {run}.{word}")).collect();
        self.written.extend(texts.iter().cloned());
        let writes = async {
            for text in &texts {
                self.chatter.say(text).await;
            }
        };
        let calls = async {
            for cut in cuts {
                self.line.lose(tool, &arguments, cut).await;
            }
            self.line.call(tool, &arguments).await
        };
        let ((), answer) = tokio::join!(writes, calls);
        self.take(&answer);
    }

    fn with_place(&self, mut arguments: Value) -> Value {
        if let Some(cursor) = &self.cursor {
            arguments["after"] = cursor.clone();
        }
        arguments
    }

    /// Takes in an answer: what is marked as given again counts once, all else counts.
    fn take(&mut self, answer: &Value) {
        for event in answer["events"].as_array().unwrap() {
            let is_new = self.seen.insert(event["id"].as_str().unwrap().to_owned());
            match (is_new, event["redelivered"] == true) {
                (true, _) if event["type"] == "message" => self.heard.push(event["data"]["text"].as_str().unwrap().to_owned()),
                (true, _) | (false, true) => {}
                (false, false) => self.doubled += 1,
            }
        }
        if self.memory == Memory::Cursor {
            self.cursor = Some(answer["next_cursor"].clone());
        }
    }
}
