//! Proof of work (ALTCHA, version 2): a challenge that only time on a processor answers. Challenges are signed and not stored; solutions that
//! were taken are remembered until they expire.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use altcha::{Challenge, CreateChallengeOptions, Payload, VerifySolutionOptions, create_challenge, verify_solution};
use data_encoding::HEXLOWER;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use nats::{Secrets, context};
use zeroize::Zeroizing;

use crate::priced::Priced;
use crate::random;

/// Rounds of SHA-256 (as HMAC) for each counter that is tried: some milliseconds of a phone, of which the call itself is a small part.
const ROUNDS: u32 = 5_000;
/// Among so many counters the right one hides at the lowest price; each level doubles them.
const COUNTERS: u32 = 64;
/// The highest level there can be.
const HIGHEST: u32 = 20;
/// How long a challenge is good.
const GOOD_FOR: Duration = Duration::from_mins(5);
/// How many solutions are remembered; the oldest go first. Each took work.
const REMEMBERED: u64 = 65_536;

/// How often the price has doubled, and one; nothing is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Level(u32);

impl Level {
    pub(crate) const FREE: Self = Self(0);

    #[cfg(test)]
    pub(crate) const fn new(level: u32) -> Self {
        Self(level)
    }

    /// Holds a level to the highest that an operator wants.
    pub(crate) fn up_to(level: u32, most: NonZeroU32) -> Self {
        Self(level.min(most.get()).min(HIGHEST))
    }

    /// Returns among how many counters the right one hides: half of them are tried on average.
    fn counters(self) -> u32 {
        COUNTERS << self.0.saturating_sub(1)
    }
}

/// Why a proof is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("it is not of the form {{challenge, solution}}")]
    Form,
    #[error("its challenge is not ours, or is for something else")]
    Challenge,
    #[error("its challenge is too old")]
    Expired,
    #[error("its solution is wrong")]
    Solution,
    #[error("it was used before")]
    Used,
    #[error("the price has gone up since")]
    Price,
}

/// A solution that is right; whether it is enough, and new, is decided when it is spent.
#[derive(Debug)]
pub(crate) struct Verified {
    level: Level,
    /// Of the challenge.
    signature: String,
}

/// Makes challenges and checks solutions.
pub(crate) struct Proofs {
    key: Zeroizing<[u8; 32]>,
    /// The signatures of challenges whose solutions were taken.
    used: Cache<String, ()>,
}

impl Proofs {
    pub(crate) fn new(secrets: &Secrets) -> Self {
        let used = Cache::builder().max_capacity(REMEMBERED).time_to_live(GOOD_FOR * 2);
        Self { key: secrets.derive(context::PROOF), used: used.eviction_policy(EvictionPolicy::lru()).build() }
    }

    /// Makes a challenge at a price, for one purpose, good for five minutes.
    pub(crate) fn challenge(&self, priced: Priced, level: Level) -> serde_json::Value {
        let good_for = i64::try_from(GOOD_FOR.as_secs()).expect("five minutes");
        self.challenge_until(priced, level, command_service::clock::now().0 / 1_000 + good_for)
    }

    fn challenge_until(&self, priced: Priced, level: Level, expires_at: i64) -> serde_json::Value {
        let (signing, key_signing) = self.keys(priced);
        let data = BTreeMap::from([("level".to_owned(), level.0.into()), ("counters".to_owned(), level.counters().into())]);
        let challenge = create_challenge(CreateChallengeOptions {
            cost: ROUNDS,
            counter: Some(random::below(level.counters())),
            data: Some(data),
            expires_at: Some(expires_at),
            hmac_signature_secret: Some(signing),
            hmac_key_signature_secret: Some(key_signing),
            ..CreateChallengeOptions::default()
        });
        let challenge = challenge.expect("PBKDF2 takes these parameters");
        serde_json::to_value(challenge).expect("a challenge is plain JSON")
    }

    /// Verifies a solution for a purpose: one computation of PBKDF2, so no lock is to be held meanwhile.
    pub(crate) fn verify(&self, priced: Priced, proof: &serde_json::Value) -> Result<Verified, Flaw> {
        use serde::Deserialize as _;
        let Payload { challenge, solution } = Payload::deserialize(proof).map_err(|_| Flaw::Form)?;
        let (signing, key_signing) = self.keys(priced);
        let checked = verify_solution(VerifySolutionOptions {
            hmac_key_signature_secret: Some(key_signing),
            ..VerifySolutionOptions::new(&challenge, &solution, signing)
        });
        let checked = checked.map_err(|_| Flaw::Form)?;
        match (checked.expired, checked.invalid_signature) {
            (true, _) => Err(Flaw::Expired),
            (false, Some(false)) if checked.verified => {
                let level = Level(level(&challenge).ok_or(Flaw::Price)?);
                Ok(Verified { level, signature: challenge.signature.unwrap_or_default() })
            }
            (false, Some(false)) => Err(Flaw::Solution),
            (false, _) => Err(Flaw::Challenge),
        }
    }

    /// Accepts a verified solution as the price, once. One doubling of the price since the challenge was made is overlooked.
    pub(crate) fn spend(&self, price: Level, verified: Verified) -> Result<(), Flaw> {
        if verified.level.0.saturating_add(1) < price.0 {
            return Err(Flaw::Price);
        }
        let entry = self.used.entry(verified.signature).or_insert(());
        if entry.is_fresh() { Ok(()) } else { Err(Flaw::Used) }
    }

    /// Derives the keys that sign challenges for one purpose: those for another are strange to it.
    fn keys(&self, priced: Priced) -> (String, String) {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        match priced {
            Priced::Passcode(link) => hasher.update(b"passcode").update(link.bytes()),
            Priced::HandoffCode => hasher.update(b"handoff code"),
            Priced::Entry(link) => hasher.update(b"entry").update(link.bytes()),
            Priced::Crowd(link) => hasher.update(b"crowd").update(link.bytes()),
            Priced::Message(session) => hasher.update(b"message").update(session.bytes()),
        };
        let mut keys = Zeroizing::new([0; 64]);
        hasher.finalize_xof().fill(keys.as_mut());
        let (signing, key_signing) = keys.split_at(32);
        (HEXLOWER.encode(signing), HEXLOWER.encode(key_signing))
    }
}

/// Reads at which level a challenge of ours was made.
fn level(challenge: &Challenge) -> Option<u32> {
    challenge.parameters.data.as_ref()?.get("level")?.as_u64()?.try_into().ok()
}

impl fmt::Debug for Proofs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proofs").field("used", &self.used.entry_count()).finish_non_exhaustive()
    }
}

/// Works a challenge out, as a client does.
#[cfg(test)]
pub(crate) fn solve(challenge: &serde_json::Value) -> serde_json::Value {
    use serde::Deserialize as _;
    let challenge = Challenge::deserialize(challenge).unwrap();
    let solution = altcha::solve_challenge(altcha::SolveChallengeOptions::new(&challenge)).unwrap().unwrap();
    serde_json::to_value(Payload { challenge, solution }).unwrap()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use domain::LinkId;
    use serde_json::json;

    use super::*;

    const LINK: Priced = Priced::Passcode(LinkId::new([1; 16]));
    const OTHER: Priced = Priced::Passcode(LinkId::new([2; 16]));

    fn proofs() -> Proofs {
        Proofs::new(&Secrets::generate())
    }

    impl Proofs {
        fn check(&self, priced: Priced, price: Level, proof: &serde_json::Value) -> Result<(), Flaw> {
            self.spend(price, self.verify(priced, proof)?)
        }
    }

    #[test]
    fn a_solution_is_good_once_and_for_what_it_was_asked_for() {
        let proofs = proofs();
        let proof = solve(&proofs.challenge(LINK, Level(1)));
        assert_eq!(proofs.check(OTHER, Level(1), &proof), Err(Flaw::Challenge));
        assert_eq!(proofs.check(Priced::HandoffCode, Level(1), &proof), Err(Flaw::Challenge));
        assert_eq!(proofs.check(LINK, Level(1), &proof), Ok(()));
        assert_eq!(proofs.check(LINK, Level(1), &proof), Err(Flaw::Used));
        assert_eq!(self::proofs().check(LINK, Level(1), &proof), Err(Flaw::Challenge), "another installation");
    }

    #[test]
    fn a_solution_ends_with_its_challenge() {
        let proofs = proofs();
        let now = command_service::clock::now().0 / 1_000;
        let proof = solve(&proofs.challenge_until(LINK, Level(1), now - 1));
        assert_eq!(proofs.check(LINK, Level(1), &proof), Err(Flaw::Expired));
    }

    #[test]
    fn one_doubling_of_the_price_is_overlooked_and_no_more() {
        let proofs = proofs();
        let proof = solve(&proofs.challenge(LINK, Level(2)));
        assert_eq!(proofs.check(LINK, Level(4), &proof), Err(Flaw::Price));
        assert_eq!(proofs.check(LINK, Level(3), &proof), Ok(()));
    }

    #[test]
    fn what_is_made_up_or_changed_is_no_proof() {
        let proofs = proofs();
        let proof = solve(&proofs.challenge(LINK, Level(1)));
        let changed = |path: &str, value: serde_json::Value| {
            let mut changed = proof.clone();
            *changed.pointer_mut(path).unwrap() = value;
            proofs.check(LINK, Level(1), &changed)
        };
        assert_eq!(changed("/solution/derivedKey", json!("00".repeat(32))), Err(Flaw::Solution));
        assert_eq!(changed("/solution/derivedKey", json!("not hexadecimal")), Err(Flaw::Solution));
        for (path, value) in [
            ("/challenge/parameters/cost", json!(1)),
            ("/challenge/parameters/data/level", json!(9)),
            ("/challenge/parameters/expiresAt", json!(9_999_999_999_u64)),
            ("/challenge/parameters/keySignature", json!(null)),
            ("/challenge/signature", json!(null)),
            ("/challenge/signature", json!("")),
        ] {
            assert_eq!(changed(path, value), Err(Flaw::Challenge), "{path}");
        }
        for made_up in [json!(null), json!("proof"), json!({}), json!([proof.clone()])] {
            assert_eq!(proofs.check(LINK, Level(1), &made_up), Err(Flaw::Form), "{made_up}");
        }
        assert_eq!(proofs.check(LINK, Level(1), &proof), Ok(()), "none of this has used it up");
    }

    /// `cargo test --workspace --lib -- the_price_of_a_guess --ignored --nocapture`
    #[test]
    #[ignore = "a measurement"]
    fn the_price_of_a_guess() {
        let mut password = 0_u32;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            // Making a challenge tries one counter.
            proofs().challenge(LINK, Level(1));
            password += 1;
        }
        let each = begun.elapsed() / password;
        println!("{ROUNDS} rounds of HMAC-SHA-256 take {each:?} on one core here");
        println!("level  counters tried (mean)  rounds (mean)  ms (mean)  ms (most)");
        for level in (1..=10).map(Level) {
            let mean = level.counters() / 2;
            let milliseconds = (each * mean).as_millis();
            println!(
                "{:5}  {mean:21}  {:13}  {milliseconds:9}  {:9}",
                level.0,
                u64::from(mean) * u64::from(ROUNDS),
                milliseconds * 2
            );
        }
        let cap = each * (Level(10).counters() / 2);
        println!("10^4 passcodes at level 10: {:.1} CPU days", (cap * 10_000).as_secs_f64() / 86_400.0);
    }
}
