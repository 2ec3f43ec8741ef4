//! Pages of lists.

/// A page of a list, and whether more follows in the direction of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in order.
    pub items: Vec<T>,
    /// Whether more items follow.
    pub has_more: bool,
}

/// How many rows to fetch: one more than wanted, which tells whether there are more.
pub(crate) fn rows_for(limit: u16) -> i64 {
    i64::from(limit) + 1
}

/// Drops the extra row; tells whether there was one.
pub(crate) fn cut<T>(rows: &mut Vec<T>, limit: u16) -> bool {
    let has_more = rows.len() > usize::from(limit);
    rows.truncate(usize::from(limit));
    has_more
}
