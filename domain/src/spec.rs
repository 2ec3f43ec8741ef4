//! Given/when/then, for every aggregate.
