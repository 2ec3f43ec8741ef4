//! A set of rows in memory that tracks which of them must be written.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Rows by key; a batch may change a row any number of times, and it is written once.
#[derive(Debug)]
pub(crate) struct RowSet<K, R> {
    rows: BTreeMap<K, R>,
    changed: BTreeSet<K>,
}

impl<K, R> Default for RowSet<K, R> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), changed: BTreeSet::new() }
    }
}

impl<K: Ord + Copy, R> RowSet<K, R> {
    /// Adds rows as they are stored in the table.
    pub(crate) fn load(&mut self, rows: impl IntoIterator<Item = (K, R)>) {
        self.rows.extend(rows);
    }

    /// Returns a row.
    pub(crate) fn get(&self, key: &K) -> Option<&R> {
        self.rows.get(key)
    }

    /// Returns a row to be changed, if there is one.
    pub(crate) fn change(&mut self, key: &K) -> Option<&mut R> {
        let row = self.rows.get_mut(key)?;
        self.changed.insert(*key);
        Some(row)
    }

    /// Inserts or replaces a row.
    pub(crate) fn put(&mut self, key: K, row: R) {
        self.rows.insert(key, row);
        self.changed.insert(key);
    }

    /// Removes a row, and returns it.
    pub(crate) fn remove(&mut self, key: &K) -> Option<R> {
        self.changed.insert(*key);
        self.rows.remove(key)
    }

    /// Returns all rows, in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &R)> {
        self.rows.iter()
    }

    /// Returns the keys within a range whose rows are `wanted`.
    pub(crate) fn keys(&self, range: RangeInclusive<K>, wanted: impl Fn(&R) -> bool) -> Vec<K> {
        self.rows.range(range).filter(|(_, row)| wanted(row)).map(|(key, _)| *key).collect()
    }

    /// Returns the rows to write, in the order of their keys, so that two writers lock them in the same order.
    pub(crate) fn changed(&self) -> Vec<&R> {
        self.changed.iter().filter_map(|key| self.rows.get(key)).collect()
    }

    /// Returns the keys of removed rows.
    pub(crate) fn removed(&self) -> Vec<K> {
        self.changed.iter().filter(|key| !self.rows.contains_key(key)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_written_and_each_row_once() {
        let mut rows = RowSet::default();
        rows.load([(1, "one"), (2, "two")]);
        *rows.change(&2).unwrap() = "deux";
        rows.put(2, "zwei");
        assert!(rows.change(&3).is_none());
        assert_eq!(rows.changed(), [&"zwei"]);
        assert_eq!(rows.removed(), [0; 0]);
        assert_eq!(rows.remove(&1), Some("one"));
        assert_eq!(rows.removed(), [1]);
    }
}
