//! The only module of this crate that draws random numbers.

use data_encoding::HEXLOWER;

/// Makes 24 random bytes in hexadecimal: enough for a password, and plain in URLs and configuration files.
#[expect(clippy::disallowed_methods, reason = "randomness enters here")]
pub(crate) fn secret() -> String {
    HEXLOWER.encode(&rand::random::<[u8; 24]>())
}

/// Makes a unique name: 12 letters and digits.
pub(crate) fn name() -> String {
    secret().chars().take(12).collect()
}
