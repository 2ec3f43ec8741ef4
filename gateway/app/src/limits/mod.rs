//! How often is too often, counted in memory. The rules' own limits are the domain's.

mod counters;
#[cfg(test)]
mod docs;
mod fields;
mod rate;
mod table;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;

use problem::Problem;

use self::counters::TooMany;
pub use self::fields::with_fields;
pub use self::rate::Rate;
use self::rate::Unit;
use self::table::Entries;
pub use self::table::{Limit, Rates};

/// Counts what clients do, in memory.
#[derive(Debug)]
pub struct Limits {
    entries: Entries,
}

impl Limits {
    /// Holds clients to `rates`.
    pub fn new(rates: &Rates) -> Self {
        Self { entries: Entries::new(rates) }
    }

    /// Counts one more, or says when the next is welcome.
    pub fn check(&self, limit: Limit) -> Result<(), Problem> {
        self.check_many(limit, NonZeroU32::MIN)
    }

    /// Counts something that costs as much as so many ordinary requests, or as all that there can be at once.
    pub fn check_cost(&self, limit: Limit, cost: NonZeroU32) -> Result<(), Problem> {
        self.check_many(limit, cost)
    }

    /// Counts so many bytes more, or says when so many are welcome; none are always.
    pub fn check_bytes(&self, limit: Limit, bytes: usize) -> Result<(), Problem> {
        let many = NonZeroU32::new(u32::try_from(bytes).unwrap_or(u32::MAX));
        many.map_or(Ok(()), |many| self.check_many(limit, many))
    }

    fn check_many(&self, limit: Limit, many: NonZeroU32) -> Result<(), Problem> {
        match self.entries.of(limit).check(limit, limit.network(), many) {
            Ok(standing) => {
                fields::note(limit, standing);
                Ok(())
            }
            Err(TooMany(standing)) => {
                fields::note(limit, standing);
                metrics::counter!("tempchat_limit_refusals_total", "limit" => limit.name()).increment(1);
                let what = match limit.unit() {
                    Unit::Requests => "Too many requests",
                    Unit::Bytes => "Too many bytes",
                };
                let (name, wait) = (limit.name(), standing.until);
                let told = format!("{what} ({name}); the next is welcome in {} s.", wait.as_secs().max(1));
                Err(Problem::with_detail(limit.code(), told).after(wait))
            }
        }
    }

    /// Forgets everyone who could come again now, and tells the metrics how many are tracked.
    pub fn tidy(&self) {
        for (name, entry) in self.entries.all() {
            let tracked = u32::try_from(entry.tracked()).unwrap_or(u32::MAX);
            metrics::gauge!("tempchat_limit_tracked", "limit" => name).set(f64::from(tracked));
            // A limit that has refused nobody yet is there all the same.
            metrics::counter!("tempchat_limit_refusals_total", "limit" => name).increment(0);
        }
    }

    #[cfg(test)]
    fn tracked(&self, limit: Limit) -> u64 {
        self.entries.of(limit).tracked()
    }
}
