//! How often is too often: every limit of the edge, its default beside it. The rules' own limits are the domain's.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use domain::{LinkId, SessionId};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use problem::{Code, Problem};

/// What is limited, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Looking at links and joining, for one client address.
    Visit(IpAddr),
    /// Passcodes tried on one link by one client address.
    Passcode(LinkId, IpAddr),
    /// Passcodes tried on one link by anyone.
    PasscodeOfLink(LinkId),
    /// Hand-off codes tried by one client address.
    Handoff(IpAddr),
    /// Typing signals of one session.
    Typing(SessionId),
    /// All other requests of one session.
    Session(SessionId),
    /// Requests with an API key, for one client address: each may cost a look into the log.
    Key(IpAddr),
}

/// So many at once, and then so many a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many may come at once.
    pub burst: u32,
    /// How many a minute are regained.
    pub per_minute: u32,
}

/// The rates in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// See [`Limit::Visit`].
    pub visit: Rate,
    /// See [`Limit::Passcode`].
    pub passcode: Rate,
    /// See [`Limit::PasscodeOfLink`].
    pub passcode_of_link: Rate,
    /// See [`Limit::Handoff`].
    pub handoff: Rate,
    /// See [`Limit::Typing`].
    pub typing: Rate,
    /// See [`Limit::Session`].
    pub session: Rate,
    /// See [`Limit::Key`].
    pub key: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            // Whole offices and phone networks share one address.
            visit: Rate { burst: 120, per_minute: 240 },
            passcode: Rate { burst: 5, per_minute: 3 },
            passcode_of_link: Rate { burst: 30, per_minute: 10 },
            handoff: Rate { burst: 5, per_minute: 3 },
            typing: Rate { burst: 10, per_minute: 60 },
            session: Rate { burst: 100, per_minute: 600 },
            key: Rate { burst: 600, per_minute: 6_000 },
        }
    }
}

type Limiter = DefaultKeyedRateLimiter<Limit>;

/// Counts what clients do, in memory.
#[derive(Debug)]
pub struct Limits {
    visit: Limiter,
    passcode: Limiter,
    passcode_of_link: Limiter,
    handoff: Limiter,
    typing: Limiter,
    session: Limiter,
    key: Limiter,
    clock: DefaultClock,
}

impl Limits {
    /// Holds clients to `rates`.
    pub fn new(rates: &Rates) -> Self {
        Self {
            visit: limiter(rates.visit),
            passcode: limiter(rates.passcode),
            passcode_of_link: limiter(rates.passcode_of_link),
            handoff: limiter(rates.handoff),
            typing: limiter(rates.typing),
            session: limiter(rates.session),
            key: limiter(rates.key),
            clock: DefaultClock::default(),
        }
    }

    /// Counts one more, or says when the next is welcome.
    pub fn check(&self, limit: Limit) -> Result<(), Problem> {
        self.check_many(limit, 1)
    }

    /// Counts something that costs as much as `cost` ordinary requests.
    pub fn check_many(&self, limit: Limit, cost: u32) -> Result<(), Problem> {
        let cost = NonZeroU32::new(cost).unwrap_or(NonZeroU32::MIN);
        // A burst that is set lower than the cost would let none in, for ever.
        let checked = self.limiter(limit).check_key_n(&limit, cost).unwrap_or(Ok(()));
        checked.map_err(|early| {
            let wait = early.wait_time_from(self.clock.now());
            Problem::with_detail(code(limit), format!("Too many requests; the next is welcome in {} s.", wait.as_secs().max(1)))
                .after(wait)
        })
    }

    /// Forgets everyone who could come again now.
    pub fn tidy(&self) {
        for limiter in
            [&self.visit, &self.passcode, &self.passcode_of_link, &self.handoff, &self.typing, &self.session, &self.key]
        {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    fn limiter(&self, limit: Limit) -> &Limiter {
        match limit {
            Limit::Visit(_) => &self.visit,
            Limit::Passcode(..) => &self.passcode,
            Limit::PasscodeOfLink(_) => &self.passcode_of_link,
            Limit::Handoff(_) => &self.handoff,
            Limit::Typing(_) => &self.typing,
            Limit::Session(_) => &self.session,
            Limit::Key(_) => &self.key,
        }
    }
}

fn code(limit: Limit) -> Code {
    match limit {
        Limit::Passcode(..) | Limit::PasscodeOfLink(_) | Limit::Handoff(_) => Code::TooManyAttempts,
        Limit::Visit(_) | Limit::Typing(_) | Limit::Session(_) | Limit::Key(_) => Code::RateLimited,
    }
}

fn limiter(rate: Rate) -> Limiter {
    let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
    let every = Duration::from_mins(1) / rate.per_minute.max(1);
    let quota =
        Quota::with_period(every.max(Duration::from_nanos(1))).expect("a period is longer than nothing").allow_burst(burst);
    Limiter::keyed(quota)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guesser_is_stopped_and_told_when_to_come_back() {
        let limits = Limits::new(&Rates::default());
        let link = LinkId::new([1; 16]);
        let guess = Limit::Passcode(link, IpAddr::from([192, 0, 2, 1]));
        for _ in 0..5 {
            limits.check(guess).unwrap();
        }
        let refused = limits.check(guess).unwrap_err();
        assert_eq!(refused.code, Code::TooManyAttempts);
        assert!((15..=20).contains(&refused.retry_after_seconds().unwrap()), "{refused:?}");
        // Another client of the same link is not.
        limits.check(Limit::Passcode(link, IpAddr::from([192, 0, 2, 2]))).unwrap();
    }

    #[test]
    fn tidying_forgives_nobody_too_early() {
        let limits = Limits::new(&Rates::default());
        let guess = Limit::Passcode(LinkId::new([1; 16]), IpAddr::from([192, 0, 2, 1]));
        while limits.check(guess).is_ok() {}
        limits.tidy();
        assert!(limits.check(guess).is_err());
    }
}
