//! Commits: whatever bytes a log holds, reading them ends, and what was read is written and read again as the same.

use nats::{AnyEvent, Kind, settings_from_bytes, settings_to_bytes};

pub(crate) fn run(bytes: &[u8]) {
    for kind in [Kind::Agent, Kind::Link, Kind::Session] {
        if let Ok(event) = AnyEvent::from_bytes(kind, bytes) {
            assert_eq!(AnyEvent::from_bytes(kind, &event.to_bytes()).unwrap(), event);
        }
    }
    if let Ok(settings) = settings_from_bytes(bytes) {
        assert_eq!(settings_from_bytes(&settings_to_bytes(&settings)).unwrap(), settings);
    }
}
