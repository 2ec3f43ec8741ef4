//! `./dev bench turns`: a scripted chat of ten messages, by send-and-wait and by send, then wait: a model's turns and tokens.
//!
//! Tokens are characters / 4 of the arguments and of the results' text: no vocabulary is needed for this, and both
//! ways are counted alike.

use anyhow::{Context, Result, ensure};
use domain::Target;
use nats::SessionCredentials;
use serde_json::{Value, json};
use servers::DataDir;

use crate::clients::{Answer, Caller, Chatter};
use crate::sessions;
use crate::tempchat_process::{TempchatProcess, beside};

/// The script: the person begins.
const SCRIPT: [(&str, &str); 5] = [
    (
        "Hi, I got this link about the delivery on Friday?",
        "Hello! Yes: we would like to bring the sofa on Friday. Would 9 to 12 suit you?",
    ),
    ("Not really, I work until two. Is the afternoon possible?", "It is. There is room from 14:30 to 17:00. Shall I book that?"),
    (
        "Yes please. It is the third floor, and the lift is small.",
        "Thank you, booked. How wide is the door of the lift, roughly?",
    ),
    (
        "About 80 cm. The sofa came up the stairs the last time.",
        "Then two of us will come and take the stairs. Is there a place to park?",
    ),
    ("There is a yard behind the house, ring at Miller.", "Perfect. Friday, 14:30 to 17:00, yard, ring at Miller. See you then!"),
];
/// Longer than anything here takes.
const TIMEOUT: u32 = 30;
const WAIT: &str = "temp_chat_wait_for_messages";
const SEND: &str = "temp_chat_send_message";

/// What a way of talking costs.
#[derive(Debug, Default, Clone, Copy)]
struct Cost {
    turns: usize,
    characters: usize,
}

/// An agent in one session, and what its calls cost.
struct Talk {
    session: Value,
    caller: Caller,
    chatter: Chatter,
    cursor: Option<Value>,
    cost: Cost,
}

/// Plays the script both ways, in one run on the same service.
pub(crate) async fn run(as_json: bool) -> Result<()> {
    let place = DataDir::temporary()?;
    let folder = place.join("up");
    let up = TempchatProcess::start(&folder).await?;
    let (backbone, commands, secrets) = beside(&folder).await?;
    let credentials = SessionCredentials::new(&secrets);
    let mut costs = Vec::new();
    // An agent of its own for each, so that no result tells of the other's chat.
    for at_once in [true, false] {
        let session = sessions::make(&backbone, &commands, 1, 1).await?.pop().context("a session was made")?;
        let Target::Session(id) = session.target else { continue };
        let talk = Talk {
            session: json!(id),
            caller: Caller::of(&commands, session.agent, up.gateway).await?,
            chatter: Chatter::of(&credentials, session.agent, id, up.gateway),
            cursor: None,
            cost: Cost::default(),
        };
        costs.push(talk.play(at_once).await?);
    }
    backbone.drain().await;
    up.stop().await?;
    let [together, apart] = costs.as_slice() else { anyhow::bail!("both ways are played") };
    let as_value = |cost: &Cost| json!({"turns": cost.turns, "characters": cost.characters, "tokens_estimated": cost.tokens()});
    if as_json {
        println!(
            "{}",
            json!({"messages": SCRIPT.len() * 2, "send_and_wait": as_value(together), "send_then_wait": as_value(apart)})
        );
        return Ok(());
    }
    println!("a chat of {} messages; tokens are characters / 4 of arguments and results", SCRIPT.len() * 2);
    for (name, cost) in [("send and wait in one", together), ("send, then wait", apart)] {
        println!("  {name}: {} turns, {} characters, about {} tokens", cost.turns, cost.characters, cost.tokens());
    }
    println!(
        "  ratio: {:.2} of the turns, {:.2} of the tokens",
        ratio(together.turns, apart.turns),
        ratio(together.characters, apart.characters)
    );
    Ok(())
}

impl Talk {
    async fn play(mut self, at_once: bool) -> Result<Cost> {
        let (first, _) = SCRIPT.first().context("somebody begins")?;
        let wait = json!({"session_id": self.session, "timeout_seconds": TIMEOUT});
        // That the person has joined is an event of its own.
        self.turn(WAIT, wait.clone(), None).await?;
        self.turn(WAIT, wait.clone(), Some(first)).await?;
        for (index, (_, answer)) in SCRIPT.iter().enumerate() {
            let next = SCRIPT.get(index + 1).map(|(text, _)| *text);
            let mut send = json!({"session_id": self.session, "text": answer, "idempotency_key": format!("answer-{index}")});
            if at_once && next.is_some() {
                insert(&mut send, "wait_for_reply_seconds", json!(TIMEOUT));
                self.turn(SEND, send, next).await?;
            } else {
                self.turn(SEND, send, None).await?;
                if next.is_some() {
                    self.turn(WAIT, wait.clone(), next).await?;
                }
            }
        }
        Ok(self.cost)
    }

    /// Makes one call after the last cursor; what the person says comes while it waits.
    async fn turn(&mut self, tool: &str, mut arguments: Value, said: Option<&str>) -> Result<()> {
        if let Some(cursor) = &self.cursor {
            insert(&mut arguments, "after", cursor.clone());
        }
        let answer: Answer = match said {
            None => self.caller.call(tool, &arguments).await?,
            Some(text) => {
                let pending = self.caller.begin(tool, &arguments).await?;
                let turn = self.cost.turns.to_string();
                self.chatter.post(&turn, text).await?;
                pending.answer().await?
            }
        };
        ensure!(answer.messages() == Vec::from_iter(said), "{:?} was said, {:?} was received", said, answer.messages());
        self.cost.turns += 1;
        self.cost.characters += arguments.to_string().chars().count() + answer.text.chars().count();
        self.cursor = answer.cursor().cloned();
        Ok(())
    }
}

impl Cost {
    const fn tokens(self) -> usize {
        self.characters.div_ceil(4)
    }
}

fn insert(arguments: &mut Value, name: &str, value: Value) {
    if let Some(object) = arguments.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

#[expect(clippy::cast_precision_loss, reason = "characters of a chat are few")]
fn ratio(one: usize, other: usize) -> f64 {
    one as f64 / other as f64
}
