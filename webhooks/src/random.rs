//! The one place where this crate draws random numbers.

/// Draws a byte from the operating system's generator.
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub(crate) fn byte() -> u8 {
    rand::random()
}
