//! What people type. Nothing here knows who reads it.
//!
//! [`clean`] is for a model: nothing is left that the person who reads along would not see. [`trim`] and [`is_blank`] are for the doors:
//! what was copied from elsewhere carries marks that nobody typed, and a text of such marks alone is none. [`likeness`] and [`count_addresses`] say what is told of a
//! text without its words.

mod characters;
mod clean;
mod edges;
mod likeness;

pub use clean::clean;
pub use edges::{is_blank, secret, trim};
pub use likeness::{count_addresses, likeness};
