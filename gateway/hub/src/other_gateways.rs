//! The chatters who are connected to other gateways, as these have told.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use domain::Address;

use super::announcement::{GatewayId, Viewed};
use super::recent::Recent;

/// How often a gateway tells all that it has to tell.
pub(super) const TOLD_EVERY: Duration = Duration::from_secs(20);
/// How long what was told counts without being told again: a message may be lost.
const COUNTS_FOR: Duration = Duration::from_secs(50);
/// Gateways that are known at once; a further one is not listened to.
const GATEWAYS: usize = 64;
/// Sessions of one gateway that are known at once: more than it has listeners.
const SESSIONS: usize = 65_536;

/// The other gateways that gave a sign of life lately.
#[derive(Debug, Default)]
pub(super) struct OtherGateways {
    known: HashMap<GatewayId, Gateway>,
}

#[derive(Debug)]
struct Gateway {
    heard_at: Instant,
    /// When each session was last told to be viewed there.
    viewed: Recent<Address, Instant>,
}

impl OtherGateways {
    /// Notes a sign of life; tells whether the gateway was unknown.
    pub(super) fn meet(&mut self, gateway: GatewayId, now: Instant) -> bool {
        self.known.retain(|_, gateway| is_fresh(gateway.heard_at, now));
        if let Some(known) = self.known.get_mut(&gateway) {
            known.heard_at = now;
            return false;
        }
        let is_new = self.known.len() < GATEWAYS;
        if is_new {
            self.known.insert(gateway, Gateway { heard_at: now, viewed: Recent::default() });
        }
        is_new
    }

    /// Takes in what a known gateway tells.
    pub(super) fn hear(&mut self, gateway: GatewayId, viewed: &[Viewed], left: &[Viewed], now: Instant) {
        let Some(Gateway { viewed: known, .. }) = self.known.get_mut(&gateway) else { return };
        for (agent, session) in viewed {
            let session = Address::session(*agent, *session);
            if known.len() < SESSIONS || known.get(&session).is_some() {
                known.insert(session, now, |at| is_fresh(*at, now));
            }
        }
        for (agent, session) in left {
            known.remove(&Address::session(*agent, *session));
        }
    }

    /// Forgets a gateway that stops.
    pub(super) fn forget(&mut self, gateway: GatewayId) {
        self.known.remove(&gateway);
    }

    /// Tells whether there is any other gateway.
    pub(super) fn are_there(&self, now: Instant) -> bool {
        self.known.values().any(|gateway| is_fresh(gateway.heard_at, now))
    }

    /// Tells whether a chatter looks at a session through another gateway.
    pub(super) fn have_viewer(&self, session: Address, now: Instant) -> bool {
        self.known.values().any(|gateway| gateway.viewed.get(&session).is_some_and(|at| is_fresh(*at, now)))
    }
}

fn is_fresh(at: Instant, now: Instant) -> bool {
    now.duration_since(at) < COUNTS_FOR
}

#[cfg(test)]
mod tests {
    use domain::{AgentId, SessionId};

    use super::*;

    const ONE: GatewayId = GatewayId(1);
    const OTHER: GatewayId = GatewayId(2);

    fn viewed(n: u32) -> Viewed {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        (AgentId::new([1; 16]), SessionId::new(id))
    }

    fn address(n: u32) -> Address {
        Address::session(viewed(n).0, viewed(n).1)
    }

    #[test]
    fn what_is_not_told_again_counts_no_more() {
        let (mut gateways, began) = (OtherGateways::default(), Instant::now());
        assert!(!gateways.are_there(began));
        assert!(gateways.meet(ONE, began));
        gateways.hear(ONE, &[viewed(1), viewed(2)], &[], began);
        // One beat is lost.
        let later = began + 2 * TOLD_EVERY;
        assert!(!gateways.meet(ONE, later));
        gateways.hear(ONE, &[viewed(1)], &[], later);
        assert!(gateways.have_viewer(address(2), later));
        let later = began + COUNTS_FOR;
        assert!(gateways.have_viewer(address(1), later) && !gateways.have_viewer(address(2), later));
        let later = began + 2 * TOLD_EVERY + COUNTS_FOR;
        assert!(!gateways.have_viewer(address(1), later) && !gateways.are_there(later));
        assert!(gateways.meet(ONE, later), "it was forgotten");
    }

    #[test]
    fn whoever_leaves_one_gateway_may_still_be_at_another() {
        let (mut gateways, now) = (OtherGateways::default(), Instant::now());
        for gateway in [ONE, OTHER] {
            gateways.meet(gateway, now);
            gateways.hear(gateway, &[viewed(1)], &[], now);
        }
        gateways.hear(ONE, &[], &[viewed(1)], now);
        assert!(gateways.have_viewer(address(1), now));
        gateways.forget(OTHER);
        assert!(!gateways.have_viewer(address(1), now) && gateways.are_there(now));
    }

    #[test]
    fn nobody_fills_the_memory() {
        let (mut gateways, now) = (OtherGateways::default(), Instant::now());
        let most = u32::try_from(SESSIONS).unwrap();
        let told: Vec<_> = (0..most + 10).map(viewed).collect();
        gateways.meet(ONE, now);
        gateways.hear(ONE, &told, &[], now);
        assert!(gateways.have_viewer(address(0), now) && !gateways.have_viewer(address(most), now));
        // Those that are known stay so.
        let later = now + COUNTS_FOR;
        gateways.meet(ONE, now + TOLD_EVERY);
        gateways.hear(ONE, &told[..1], &[], now + TOLD_EVERY);
        assert!(gateways.have_viewer(address(0), later));
        for n in 0..200 {
            gateways.meet(GatewayId(n), now);
        }
        assert_eq!(gateways.known.len(), GATEWAYS);
        // A gateway that is not known yet is ignored.
        gateways.hear(GatewayId(199), &[viewed(7)], &[], now);
        gateways.forget(ONE);
        assert!(!gateways.have_viewer(address(7), now));
    }
}
