//! Proof of work, as a client that is no browser does it.

use altcha::{Challenge, Payload, SolveChallengeOptions, solve_challenge};
use serde::Deserialize as _;
use serde_json::Value;

use super::Answer;

/// Works out what an answer asks for.
pub(crate) async fn prove(asked: Answer) -> Value {
    let mut problem = asked.refused(403, "proof_required");
    let challenge = problem["challenge"].take();
    let solving = tokio::task::spawn_blocking(move || {
        let challenge = Challenge::deserialize(challenge).unwrap();
        let solution = solve_challenge(SolveChallengeOptions::new(&challenge)).unwrap().unwrap();
        serde_json::to_value(Payload { challenge, solution }).unwrap()
    });
    solving.await.unwrap()
}

/// Reads among how many counters an answer asks to search.
pub(crate) fn price(asked: Answer) -> u64 {
    asked.refused(403, "proof_required")["challenge"]["parameters"]["data"]["counters"].as_u64().unwrap()
}
