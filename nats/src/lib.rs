//! The backbone: every word about JetStream.
