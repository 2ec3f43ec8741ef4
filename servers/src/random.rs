//! The one place of this crate where randomness enters.

use data_encoding::HEXLOWER;

/// Makes 24 random bytes in hexadecimal: enough for a password, and plain in URLs and configuration files.
#[expect(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn secret() -> String {
    HEXLOWER.encode(&rand::random::<[u8; 24]>())
}

/// Makes a name that nobody has yet: 12 letters and digits.
pub(crate) fn name() -> String {
    secret().chars().take(12).collect()
}
