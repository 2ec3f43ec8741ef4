//! The only module of this crate that draws random numbers.

/// Draws bytes from the operating system's generator.
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    rand::random()
}
