//! Cursors: none but those that we sealed opens, and it opens as what it was sealed from.

use std::sync::LazyLock;

use nats::{Cursors, Epoch, Position, Secrets, Shard};

/// Keys of their own for each run: what passes by chance in one does not in the next.
static CURSORS: LazyLock<Cursors> = LazyLock::new(|| Cursors::new(&Secrets::generate(), [(Shard(0), Epoch([7; 16]))]));

pub(crate) fn run(bytes: &[u8]) {
    // A fuzzer reads what we compare, and so may know cursors that were sealed before: these open, in that one spelling.
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(position) = CURSORS.open(text)
    {
        assert_eq!(CURSORS.seal(position), text, "made up");
    }
    let Some((sequence, change)) = bytes.split_first_chunk::<8>() else { return };
    let position = Position { shard: Shard(0), sequence: u64::from_be_bytes(*sequence), index: 0 };
    let sealed = CURSORS.seal(position);
    assert_eq!(CURSORS.open(&sealed), Ok(position));
    if let Some(changed) = crate::fuzzing::token::changed(&sealed, change) {
        assert!(CURSORS.open(&changed).is_err(), "{changed:?} is not {sealed:?}");
    }
}
