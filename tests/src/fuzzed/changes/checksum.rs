//! Cyclic redundancy checks.

/// The check of so many bits, 8 to 32, by this polynomial: highest bit first, from zero.
pub(super) fn checksum(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let (top, all) = (1 << (bits - 1), u32::MAX >> (32 - bits));
    let step = |sum: u32| sum << 1 ^ if sum & top == 0 { 0 } else { polynomial };
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte) << (bits - 8), |sum, _| step(sum)) & all
    })
}
