//! The only module of this crate that draws randomness.

/// Draws `N` random bytes from the operating system's generator.
#[allow(clippy::disallowed_methods)]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    rand::random()
}
