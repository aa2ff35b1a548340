#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/support/readers.rs"]
mod readers;

fuzz_target!(|bytes: &[u8]| readers::mt940(bytes));
