//! Places for connections: so many in all, and so many for each address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::guard::network;

/// Connections at a time, and of one address. Programs on this computer may have more than others,
/// but not all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) all: usize,
    pub(super) of_this_computer: usize,
    pub(super) of_another: usize,
}

/// Who has how many.
#[derive(Debug)]
pub(super) struct Places {
    most: Most,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// A place; it is free again when this is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// All are free.
    pub(super) fn new(most: Most) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// A place for this address, unless it has as many as it may.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let here = address.to_canonical().is_loopback();
        let most = if here { self.most.of_this_computer } else { self.most.of_another };
        let address = network(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.most.all {
            return None;
        }
        let own = taken.entry(address).or_default();
        if *own >= most {
            return None;
        }
        *own += 1;
        Some(Place { places: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_several_addresses() {
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let places = Places::new(Most { all: 5, of_this_computer: 4, of_another: 2 });
            let taken = || places.take(address.parse().unwrap());
            assert_eq!(std::iter::from_fn(taken).take(9).collect::<Vec<_>>().len(), 4, "{address}");
        }
    }

    #[test]
    fn nobody_takes_all_places() {
        let places = Places::new(Most { all: 5, of_this_computer: 4, of_another: 2 });
        let take = |address: &str| places.take(address.parse().unwrap());
        let here: Vec<_> = (0..9).map_while(|_| take("127.0.0.1")).collect();
        assert_eq!(here.len(), 4);
        let there = take("10.0.0.1");
        assert!(there.is_some() && take("10.0.0.1").is_none(), "all are taken");
        drop(here);
        assert!(take("10.0.0.1").is_some(), "the second one is free again at once");
        let _two = (take("10.0.0.1"), take("10.0.0.1"));
        drop(there);
        assert!(take("10.0.0.2").is_some());
        let taken = places.taken.lock().unwrap();
        assert_eq!(taken.len(), 1, "who has none is forgotten: {taken:?}");
    }
}
