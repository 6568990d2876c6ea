//! See `earworm_tests::fuzzed::model`.

#![no_main]

use earworm_tests::fuzzed::{changes, targets};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(
    init: earworm_fuzz::watch(&targets::MODEL),
    |bytes: &[u8]| (targets::MODEL.run)(bytes)
);

fuzz_mutator!(|data: &mut [u8], size: usize, most: usize, seed: u32| {
    changes::onnx(data, size, most, seed, fuzzer_mutate)
});
