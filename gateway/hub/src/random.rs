//! The one place where this crate draws random numbers.

/// Draws a number from the operating system's generator.
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub(super) fn number() -> u64 {
    rand::random()
}
