//! Shares of what is scarce: connections, and requests under way. No address has more than half of it, so nobody alone shuts others out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places, and who has them; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    places: Arc<Semaphore>,
    most: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// A place that counts for an address; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    inner: Arc<Inner>,
    address: Option<IpAddr>,
    _place: Place,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// All are taken.
    Full,
    /// The address has its half.
    HasHalf,
}

impl Shares {
    /// Makes so many places, at least two.
    pub(crate) fn new(places: usize) -> Self {
        let places = places.max(2);
        let inner = Inner { places: Arc::new(Semaphore::new(places)), most: places / 2, taken: Mutex::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Waits for a place.
    pub(crate) async fn place(&self) -> Place {
        let places = Arc::clone(&self.inner.places);
        Place { _permit: places.acquire_owned().await.expect("the semaphore is never closed") }
    }

    /// Gives a place to an address, unless it has its half; where the address tells nothing, to anyone.
    pub(crate) fn share(&self, place: Place, address: Option<IpAddr>) -> Result<Share, NoPlace> {
        if let Some(address) = address {
            let mut taken = self.inner.taken.lock();
            let count = taken.entry(address).or_default();
            if *count >= self.inner.most {
                return Err(NoPlace::HasHalf);
            }
            *count += 1;
        }
        Ok(Share { inner: Arc::clone(&self.inner), address, _place: place })
    }

    /// Gives an address a place at once, or none.
    pub(crate) fn try_share(&self, address: IpAddr) -> Result<Share, NoPlace> {
        let permit = Arc::clone(&self.inner.places).try_acquire_owned().map_err(|_| NoPlace::Full)?;
        self.share(Place { _permit: permit }, Some(address))
    }
}

impl Drop for Share {
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
        let shares = Shares::new(4);
        let mut held: Vec<_> = (0..2).map(|_| shares.try_share(ONE).unwrap()).collect();
        assert_eq!(shares.try_share(ONE).unwrap_err(), NoPlace::HasHalf);
        held.push(shares.try_share(OTHER).unwrap());
        held.push(shares.try_share(OTHER).unwrap());
        assert_eq!(shares.try_share(ONE).unwrap_err(), NoPlace::Full);
    }

    #[test]
    fn what_is_given_back_is_there_again_and_nobody_is_remembered() {
        let shares = Shares::new(2);
        let held = shares.try_share(ONE).unwrap();
        shares.try_share(ONE).unwrap_err();
        drop(held);
        drop(shares.try_share(ONE).unwrap());
        assert!(shares.inner.taken.lock().is_empty());
        assert_eq!(shares.inner.places.available_permits(), 2);
    }
}
