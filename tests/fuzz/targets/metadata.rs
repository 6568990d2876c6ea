//! See `earworm_tests::fuzzed::metadata`.

#![no_main]

use earworm_tests::fuzzed::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: earworm_fuzz::watch(&targets::METADATA),
    |bytes: &[u8]| (targets::METADATA.run)(bytes)
);
