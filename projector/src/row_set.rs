//! Rows in memory, and which of them have to be written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Rows by their key; a batch changes each as often as it likes, and each is written once.
#[derive(Debug)]
pub(crate) struct Kept<K, R> {
    rows: BTreeMap<K, R>,
    changed: BTreeSet<K>,
}

impl<K, R> Default for Kept<K, R> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<K: Ord + Copy, R> Kept<K, R> {
    /// Takes in rows as they are stored.
    pub(crate) fn load(&mut self, rows: impl IntoIterator<Item = (K, R)>) {
        self.rows.extend(rows);
    }

    /// Looks at a row.
    pub(crate) fn get(&self, key: &K) -> Option<&R> {
        self.rows.get(key)
    }

    /// Changes a row, where there is one.
    pub(crate) fn change(&mut self, key: &K) -> Option<&mut R> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(*key);
        Some(row)
    }

    /// Makes a row, or makes it anew.
    pub(crate) fn put(&mut self, key: K, row: R) {
        self.rows.insert(key, row);
        self.changed.insert(key);
    }

    /// Takes a row away, and returns it.
    pub(crate) fn remove(&mut self, key: &K) -> Option<R> {
        self.changed.insert(*key);
        self.rows.remove(key)
    }

    /// Walks all rows, in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &R)> {
        self.rows.iter()
    }

    /// Returns the keys within a range whose rows are as `wanted`.
    pub(crate) fn keys(&self, range: RangeInclusive<K>, wanted: impl Fn(&R) -> bool) -> Vec<K> {
        self.rows.range(range).filter(|(_, row)| wanted(row)).map(|(key, _)| *key).collect()
    }

    /// Returns the rows to write, in the order of their keys: two writers lock them in the same order.
    pub(crate) fn changed(&self) -> Vec<&R> {
        self.changed.iter().filter_map(|key| self.rows.get(key)).collect()
    }

    /// Returns the keys of rows that are to go.
    pub(crate) fn removed(&self) -> Vec<K> {
        self.changed.iter().filter(|key| !self.rows.contains_key(key)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_written_and_each_row_once() {
        let mut kept = Kept::default();
        kept.load([(1, "one"), (2, "two")]);
        *kept.change(&2).unwrap() = "deux";
        kept.put(2, "zwei");
        assert!(kept.change(&3).is_none());
        assert_eq!(kept.changed(), [&"zwei"]);
        assert_eq!(kept.removed(), [0; 0]);
        assert_eq!(kept.remove(&1), Some("one"));
        assert_eq!(kept.removed(), [1]);
    }
}
