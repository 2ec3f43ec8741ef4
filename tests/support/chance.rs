//! The one place where stories draw randomness.

/// Makes a random UUID (RFC 9562, version 4).
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub(crate) fn uuid() -> String {
    let bits: u128 = rand::random();
    let bits = bits & !(0xf000 << 64 | 0xc000 << 48) | 0x4000 << 64 | 0x8000 << 48;
    let digits = format!("{bits:032x}");
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Returns what a story of chance begins with: `TEMPCHAT_SEED` to tell an earlier one again, else a new one. It is printed.
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub(crate) fn seed() -> u64 {
    let seed = std::env::var("TEMPCHAT_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().expect("a seed is a number"));
    println!("TEMPCHAT_SEED={seed}");
    seed
}
