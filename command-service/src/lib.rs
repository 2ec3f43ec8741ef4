//! Command, decision, append: the only writer of the log.
