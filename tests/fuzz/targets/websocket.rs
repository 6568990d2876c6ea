//! See `earworm_tests::fuzzed::websocket`.

#![no_main]

use earworm_tests::fuzzed::targets;
use libfuzzer_sys::fuzz_target;

fuzz_target!(
    init: earworm_fuzz::watch(&targets::WEBSOCKET),
    |bytes: &[u8]| (targets::WEBSOCKET.run)(bytes)
);
