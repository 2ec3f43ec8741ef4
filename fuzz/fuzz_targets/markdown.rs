#![no_main]

#[path = "../../tests/attacks/fuzzing/mod.rs"]
mod fuzzing;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::markdown::run(bytes));
