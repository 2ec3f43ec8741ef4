//! Limits of concurrency: connections, and requests under way. One address has at most half of the permits, so it cannot shut out others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of permits, counted by address; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Concurrency {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    permits: Arc<Semaphore>,
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A permit; dropping it returns it.
#[derive(Debug)]
pub(crate) struct Permit {
    _permit: OwnedSemaphorePermit,
}

/// A permit that counts for an address; dropping it returns it.
#[derive(Debug)]
pub(crate) struct AddressPermit {
    inner: Arc<Inner>,
    address: Option<IpAddr>,
    _permit: Permit,
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPermit {
    /// All are taken.
    Full,
    /// The address has its half.
    HasHalf,
}

impl Concurrency {
    /// Makes that many permits, at least two.
    pub(crate) fn new(permits: usize) -> Self {
        let permits = permits.max(2);
        let inner = Inner { permits: Arc::new(Semaphore::new(permits)), most: permits / 2, taken: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Waits for a permit.
    pub(crate) async fn permit(&self) -> Permit {
        let permits = Arc::clone(&self.inner.permits);
        Permit { _permit: permits.acquire_owned().await.expect("the semaphore is never closed") }
    }

    /// Counts a permit for an address, unless that has its half; without an address (behind proxies) nothing is counted.
    pub(crate) fn permit_for(&self, permit: Permit, address: Option<IpAddr>) -> Result<AddressPermit, NoPermit> {
        if let Some(address) = address {
            let mut taken = self.inner.taken.lock();
            let count = taken.entry(address).or_default();
            if *count >= self.inner.most {
                return Err(NoPermit::HasHalf);
            }
            *count += 1;
        }
        Ok(AddressPermit { inner: Arc::clone(&self.inner), address, _permit: permit })
    }

    /// Takes a permit for an address at once, or none.
    pub(crate) fn try_permit(&self, address: IpAddr) -> Result<AddressPermit, NoPermit> {
        let permit = Arc::clone(&self.inner.permits).try_acquire_owned().map_err(|_| NoPermit::Full)?;
        self.permit_for(Permit { _permit: permit }, Some(address))
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let Some(address) = &self.address else { return };
        let mut taken = self.inner.taken.lock();
        if let Some(count) = taken.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn nobody_alone_shuts_others_out() {
        let concurrency = Concurrency::new(4);
        let mut held: Vec<_> = (0..2).map(|_| concurrency.try_permit(ONE).unwrap()).collect();
        assert_eq!(concurrency.try_permit(ONE).unwrap_err(), NoPermit::HasHalf);
        held.push(concurrency.try_permit(OTHER).unwrap());
        held.push(concurrency.try_permit(OTHER).unwrap());
        assert_eq!(concurrency.try_permit(ONE).unwrap_err(), NoPermit::Full);
    }

    #[test]
    fn what_is_given_back_is_there_again_and_nobody_is_remembered() {
        let concurrency = Concurrency::new(2);
        let held = concurrency.try_permit(ONE).unwrap();
        concurrency.try_permit(ONE).unwrap_err();
        drop(held);
        drop(concurrency.try_permit(ONE).unwrap());
        assert!(concurrency.inner.taken.lock().is_empty());
        assert_eq!(concurrency.inner.permits.available_permits(), 2);
    }
}
