//! What seals the stored texts: the installation's secrets, the data keys they wrap, and the sealing and opening of texts.

pub(crate) mod data_keys;
pub(crate) mod opener;
pub(crate) mod sealing;
pub(crate) mod secrets;
pub(crate) mod signing;
pub(crate) mod stored_keys;
pub(crate) mod wrapping;
