//! See `earworm_tests::fuzzed::http`.

#![no_main]

use earworm_tests::fuzzed::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: earworm_fuzz::watch(&targets::HTTP),
    |bytes: &[u8]| (targets::HTTP.run)(bytes)
);
