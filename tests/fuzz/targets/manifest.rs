//! See `earworm_tests::fuzzed::manifest`.

#![no_main]

use earworm_tests::fuzzed::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: earworm_fuzz::watch(&targets::MANIFEST),
    |bytes: &[u8]| (targets::MANIFEST.run)(bytes)
);
