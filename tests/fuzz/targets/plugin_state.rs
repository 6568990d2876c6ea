//! See `earworm_tests::fuzzed::plugin_state`.

#![no_main]

use earworm_tests::fuzzed::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: earworm_fuzz::watch(&targets::PLUGIN_STATE),
    |bytes: &[u8]| (targets::PLUGIN_STATE.run)(bytes)
);
