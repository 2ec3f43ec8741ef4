//! A map of what was heard lately, bounded by how much of it still counts.

use std::collections::HashMap;
use std::hash::Hash;

/// From how many on what no longer counts is forgotten; then whenever they have doubled.
const REMEMBERED: usize = 1_024;

/// A map that holds at most twice as much as is fresh, and a little.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    map: HashMap<K, V>,
    tidied_at: usize,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new(), tidied_at: REMEMBERED }
    }
}

impl<K: Eq + Hash, V> Recent<K, V> {
    pub(super) fn insert(&mut self, key: K, value: V, is_fresh: impl Fn(&V) -> bool) {
        self.tidy(is_fresh);
        self.map.insert(key, value);
    }

    pub(super) fn get_or_default(&mut self, key: K, is_fresh: impl Fn(&V) -> bool) -> &mut V
    where
        V: Default,
    {
        self.tidy(is_fresh);
        self.map.entry(key).or_default()
    }

    fn tidy(&mut self, is_fresh: impl Fn(&V) -> bool) {
        if self.map.len() >= self.tidied_at {
            self.map.retain(|_, value| is_fresh(value));
            self.map.shrink_to(2 * self.map.len());
            self.tidied_at = REMEMBERED.max(2 * self.map.len());
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.map.remove(key);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }
}
