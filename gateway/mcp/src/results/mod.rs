//! What tools answer with: the shapes of results, and how they are filled from rows and events.

pub(crate) mod answer;
pub(crate) mod answer_summary;
pub(crate) mod answers;
pub(crate) mod event;
pub(crate) mod next_step;
mod reachability;
pub(crate) mod received;
pub(crate) mod sent;
pub(crate) mod views;
