//! The one place where this crate draws random numbers.

/// Draws bytes from the operating system's generator.
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub fn bytes<const N: usize>() -> [u8; N] {
    rand::random()
}

/// Draws a number below another.
pub(crate) fn below(end: u32) -> u32 {
    rand::random_range(0..end.max(1))
}
