//! What is priced by proof of work and never refused for what others did: guesses at secrets that people type, of which a few are free;
//! coming in from a network out of which somebody was shut out of the link, or very many came; and messages where abuse is suspected.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use domain::{LinkId, SessionId};
use moka::sync::Cache;
use nats::Secrets;
use parking_lot::Mutex;
use problem::{Code, Problem};

use crate::client::Client;
use crate::limits::Rates;
use crate::priced::Priced;
use crate::proof_of_work::{Level, Proofs};

/// After how long attempts are forgotten, counted from the first.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);
/// How many addresses, networks and links are counted apart.
const TRACKED: u64 = 32_768;
/// Further wrong guesses of a network until its price doubles.
const DOUBLES_FOR_NETWORK: u32 = 2;
/// Further wrong guesses of everybody until the price doubles for everybody.
const DOUBLES_FOR_ALL: u32 = 8;
/// Messages of a session until the price doubles.
const DOUBLES_FOR_MESSAGES: u32 = 4;
/// Newcomers of a network until the price doubles.
const DOUBLES_FOR_NEWCOMERS: u32 = 8;

/// Who pays, each on a scale of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Payer {
    Address(Client),
    Network(Client),
    Everybody,
}

/// How many attempts are free, and what further ones cost.
#[derive(Debug, Clone, Copy)]
struct Free {
    name: &'static str,
    tries: u32,
    doubles_after: u32,
    dearest: NonZeroU32,
}

/// Counts attempts and prices further ones.
#[derive(Debug)]
pub struct Prices {
    counts: Cache<(Priced, Payer), Arc<AtomicU32>>,
    proofs: Proofs,
    rates: Rates,
    /// Held while an attempt is priced and counted, so that many at once are priced one after another.
    pricing: Mutex<()>,
}

/// An attempt that was let in. It counts, unless it is forgiven: who goes away without the answer may have got it elsewhere.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    counts: Vec<Arc<AtomicU32>>,
    is_paid: bool,
    has_used_up: bool,
}

impl Attempt {
    /// Tells whether it was paid for by proof of work.
    pub fn is_paid(&self) -> bool {
        self.is_paid
    }

    /// Tells whether it was the last free one of everybody at a link, or of a network.
    pub fn has_used_up(&self) -> bool {
        self.has_used_up
    }

    /// Takes it back: the guess was right, or nobody looked at it.
    pub fn forgive(self) {
        for count in &self.counts {
            let _previous = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |counted| Some(counted.saturating_sub(1)));
        }
    }
}

impl Prices {
    /// Prices attempts by `rates`; challenges are signed by a key of the installation.
    pub(crate) fn new(rates: &Rates, secrets: &Secrets) -> Self {
        Self {
            counts: Cache::builder().max_capacity(TRACKED).time_to_live(FORGOTTEN_AFTER).build(),
            proofs: Proofs::new(secrets),
            rates: rates.clone(),
            pricing: Mutex::default(),
        }
    }

    /// Lets an attempt in that is free or paid for, or says what it costs.
    pub fn begin(&self, priced: Priced, client: Client, proof: Option<&serde_json::Value>) -> Result<Attempt, Problem> {
        let verified = match proof {
            Some(proof) if self.price(priced, client).0 > Level::FREE => Some(self.proofs.verify(priced, proof)),
            Some(_) | None => None,
        };
        let pricing = self.pricing.lock();
        let (level, limit) = self.price(priced, client);
        let paid = match verified {
            Some(verified) if level > Level::FREE => Some(verified.and_then(|verified| self.proofs.spend(level, verified))),
            Some(_) | None => None,
        };
        if level == Level::FREE || paid == Some(Ok(())) {
            let mut has_used_up = false;
            let counts = self.payers(priced, client).map(|(payer, free)| {
                let count = self.count(priced, payer);
                let before = count.fetch_add(1, Ordering::Relaxed);
                has_used_up |= tells(priced, payer) && before.saturating_add(1) == free.tries;
                count
            });
            let counts = counts.collect();
            return Ok(Attempt { counts, is_paid: level > Level::FREE, has_used_up });
        }
        drop(pricing);
        metrics::counter!("tempchat_limit_refusals_total", "limit" => limit).increment(1);
        let told = match (paid, priced) {
            (Some(Err(flaw)), _) => format!("The proof was not taken: {flaw}."),
            (_, Priced::Passcode(_) | Priced::HandoffCode) => {
                "There were wrong guesses here, so each further one costs some work of your machine.".to_owned()
            }
            (_, Priced::Entry(_)) => {
                "Somebody from your network was shut out here, so coming in costs some work of your machine.".to_owned()
            }
            (_, Priced::Crowd(_)) => {
                "Many have come in from your network, so coming in costs some work of your machine.".to_owned()
            }
            (_, Priced::Message(_)) => {
                "What was sent here looks like abuse, so each message costs some work of your machine; after some minutes none does.".to_owned()
            }
        };
        let problem = Problem::with_detail(Code::ProofRequired, told);
        Err(Problem { challenge: Some(Box::new(self.proofs.challenge(priced, level))), ..problem })
    }

    /// Tells the metrics how many are tracked.
    pub(crate) fn tidy(&self) {
        self.counts.run_pending_tasks();
        let tracked = u32::try_from(self.counts.entry_count()).unwrap_or(u32::MAX);
        metrics::gauge!("tempchat_limit_tracked", "limit" => "guesses").set(f64::from(tracked));
        let any = LinkId::new([0; 16]);
        let message = Priced::Message(SessionId::new([0; 16]));
        for priced in [Priced::Passcode(any), Priced::HandoffCode, Priced::Entry(any), Priced::Crowd(any), message] {
            for (_, free) in self.payers(priced, Client::UNREADABLE) {
                metrics::counter!("tempchat_limit_refusals_total", "limit" => free.name).increment(0);
            }
        }
    }

    /// Prices the next attempt, by the dearest of its scales, and names the limit that says so.
    fn price(&self, priced: Priced, client: Client) -> (Level, &'static str) {
        let levels = self.payers(priced, client).map(|(payer, free)| {
            let counted = self.counts.get(&(priced, payer)).map_or(0, |count| count.load(Ordering::Relaxed));
            let level = counted.checked_sub(free.tries).map_or(0, |over| 1 + over / free.doubles_after);
            (Level::up_to(level, free.dearest), free.name)
        });
        levels.max_by_key(|(level, _)| *level).unwrap_or((Level::FREE, ""))
    }

    /// Lists who is counted.
    fn payers(&self, priced: Priced, client: Client) -> impl Iterator<Item = (Payer, Free)> + use<> {
        let Rates { free_passcodes, free_passcodes_of_network, free_passcodes_of_link, .. } = self.rates;
        let Rates { free_handoff_codes, free_handoff_codes_of_network, free_newcomers_of_network, .. } = self.rates;
        let Rates { dearest_proof, dearest_entry, dearest_message, .. } = self.rates;
        let guesses =
            |name, tries: NonZeroU32, doubles_after| Free { name, tries: tries.get(), doubles_after, dearest: dearest_proof };
        let newcomers = |name, tries| Free { name, tries, doubles_after: DOUBLES_FOR_NEWCOMERS, dearest: dearest_entry };
        let (address, network, everybody) = match priced {
            Priced::Passcode(_) => (
                Some(guesses("free_passcodes", free_passcodes, 1)),
                Some(guesses("free_passcodes_of_network", free_passcodes_of_network, DOUBLES_FOR_NETWORK)),
                Some(guesses("free_passcodes_of_link", free_passcodes_of_link, DOUBLES_FOR_ALL)),
            ),
            // A code is drawn from 2^40 and good for five minutes: what everybody tries needs no price for everybody.
            Priced::HandoffCode => (
                Some(guesses("free_handoff_codes", free_handoff_codes, 1)),
                Some(guesses("free_handoff_codes_of_network", free_handoff_codes_of_network, DOUBLES_FOR_NETWORK)),
                None,
            ),
            Priced::Entry(_) => (None, Some(newcomers("dearest_entry", 0)), None),
            Priced::Crowd(_) => (None, Some(newcomers("free_newcomers_of_network", free_newcomers_of_network.get())), None),
            // Of one session, whatever address it comes from.
            Priced::Message(_) => {
                let (name, dearest) = ("dearest_message", dearest_message);
                (None, None, Some(Free { name, tries: 0, doubles_after: DOUBLES_FOR_MESSAGES, dearest }))
            }
        };
        let network = network.map(|free| (Payer::Network(client.neighbourhood()), free));
        let address = address.map(|free| (Payer::Address(client), free));
        let everybody = everybody.map(|free| (Payer::Everybody, free));
        address.into_iter().chain(network).chain(everybody)
    }

    fn count(&self, priced: Priced, payer: Payer) -> Arc<AtomicU32> {
        self.counts.get_with((priced, payer), Arc::default)
    }
}

/// Tells whether the agent is to know when this one's free tries are used up.
fn tells(priced: Priced, payer: Payer) -> bool {
    match (priced, payer) {
        (Priced::Passcode(_), Payer::Everybody) | (Priced::Crowd(_), Payer::Network(_)) => true,
        (Priced::Passcode(_) | Priced::Crowd(_) | Priced::HandoffCode | Priced::Entry(_) | Priced::Message(_), _) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::proof_of_work::solve;

    const LINK: Priced = Priced::Passcode(LinkId::new([1; 16]));

    fn prices() -> Prices {
        Prices::new(&Rates::default(), &Secrets::generate())
    }

    fn from(network: u8, last: u8) -> Client {
        Client::of_peer(IpAddr::from([203, 0, network, last]))
    }

    fn price(prices: &Prices, of: Priced, client: Client) -> Level {
        prices.price(of, client).0
    }

    #[test]
    fn a_few_wrong_guesses_are_free_and_then_each_costs_twice_the_one_before() {
        let prices = prices();
        for _ in 0..5 {
            let _wrong = prices.begin(LINK, from(1, 1), None).unwrap();
        }
        for level in 1..=3 {
            let asked = prices.begin(LINK, from(1, 1), None).unwrap_err();
            assert_eq!(asked.code, Code::ProofRequired);
            assert_eq!(price(&prices, LINK, from(1, 1)), Level::new(level));
            let proof = solve(&asked.challenge.unwrap());
            assert!(prices.begin(LINK, from(1, 1), Some(&proof)).unwrap().is_paid());
        }
        // A neighbour, and another link, cost nothing.
        assert!(!prices.begin(LINK, from(1, 2), None).unwrap().is_paid());
        assert!(!prices.begin(Priced::Passcode(LinkId::new([2; 16])), from(1, 1), None).unwrap().is_paid());
    }

    #[test]
    fn what_was_right_is_forgiven() {
        let prices = prices();
        for _ in 0..100 {
            prices.begin(LINK, from(1, 1), None).unwrap().forgive();
        }
        assert_eq!(price(&prices, LINK, from(1, 1)), Level::FREE);
    }

    #[test]
    fn networks_and_everybody_pay_for_many_addresses() {
        let prices = prices();
        for last in 0..20 {
            let _wrong = prices.begin(LINK, from(1, last), None).unwrap();
        }
        assert_eq!(price(&prices, LINK, from(1, 99)), Level::new(1));
        assert_eq!(price(&prices, LINK, from(2, 1)), Level::FREE);
        for network in 2..12 {
            let _wrong = prices.begin(LINK, from(network, 1), None).unwrap();
        }
        assert_eq!(price(&prices, LINK, from(99, 1)), Level::new(1));
        prices.begin(LINK, from(99, 1), None).unwrap_err();
        // Codes have no price for everybody.
        for network in 0..255 {
            let _wrong = prices.begin(Priced::HandoffCode, from(network, 1), None).unwrap();
        }
    }

    #[test]
    fn coming_in_costs_from_the_first_and_never_more_than_an_office_can_pay() {
        let prices = prices();
        let entry = Priced::Entry(LinkId::new([1; 16]));
        let asked = prices.begin(entry, from(1, 1), None).unwrap_err();
        let _paid = prices.begin(entry, from(1, 1), Some(&solve(&asked.challenge.unwrap()))).unwrap();
        let network = prices.count(entry, Payer::Network(from(1, 2).neighbourhood()));
        assert_eq!(network.swap(DOUBLES_FOR_NEWCOMERS, Ordering::Relaxed), 1);
        assert_eq!(price(&prices, entry, from(1, 2)), Level::new(2));
        network.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(price(&prices, entry, from(1, 2)), Level::new(5));
    }

    #[test]
    fn a_thousand_at_once_have_no_more_free_guesses_than_one_after_another() {
        let prices = prices();
        let free = std::thread::scope(|scope| {
            let guess = || (0..50).filter(|_| prices.begin(LINK, from(1, 1), None).is_ok()).count();
            let racing: Vec<_> = (0..20).map(|_| scope.spawn(guess)).collect();
            racing.into_iter().map(|racing| racing.join().unwrap()).sum::<usize>()
        });
        assert_eq!(free, 5);
    }

    #[test]
    fn the_price_of_everybody_reaches_its_most_soon_and_stays_there() {
        let prices = prices();
        let dearest = Level::new(10);
        let everybody = prices.count(LINK, Payer::Everybody);
        everybody.store(30 + 9 * DOUBLES_FOR_ALL, Ordering::Relaxed);
        assert_eq!(price(&prices, LINK, from(1, 1)), dearest);
        everybody.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(price(&prices, LINK, from(1, 1)), dearest);
    }
}
