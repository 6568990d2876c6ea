//! See `earworm_tests::fuzzed::recipe`.

#![no_main]

use earworm_tests::fuzzed::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: earworm_fuzz::watch(&targets::RECIPE),
    |bytes: &[u8]| (targets::RECIPE.run)(bytes)
);
