//! See `earworm_tests::fuzzed::config`.

#![no_main]

use earworm_tests::fuzzed::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: earworm_fuzz::watch(&targets::CONFIG),
    |bytes: &[u8]| (targets::CONFIG.run)(bytes)
);
