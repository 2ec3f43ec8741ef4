//! Cursors: none but those that we sealed opens, and it opens as what it was sealed from.

use std::sync::LazyLock;

use nats::{Cursors, Epoch, Position, Secrets, Shard};

/// Keys of their own for each run: what passes by chance in one does not in the next.
static CURSORS: LazyLock<Cursors> = LazyLock::new(|| Cursors::new(&Secrets::generate(), [(Shard(0), Epoch([7; 16]))]));

pub(crate) fn run(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        assert!(CURSORS.open(text).is_err(), "{text:?} was made up");
    }
    let Some((sequence, change)) = bytes.split_first_chunk::<8>() else { return };
    let position = Position { shard: Shard(0), sequence: u64::from_be_bytes(*sequence), index: 0 };
    let sealed = CURSORS.seal(position);
    assert_eq!(CURSORS.open(&sealed), Ok(position));
    if let Some(changed) = crate::fuzzing::token::changed(&sealed, change) {
        assert!(CURSORS.open(&changed).is_err(), "{changed:?} is not {sealed:?}");
    }
}
