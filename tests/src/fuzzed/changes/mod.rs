//! Changes of inputs that leave checksums and lengths right, without which most readers would look no
//! further.

mod checksum;
mod flac;
mod message;
mod ogg;
mod onnx;
mod random;
pub(super) mod wire;

pub use onnx::onnx;

/// What changes bytes that have no structure: of the buffer those of the first length, to at most as many as
/// the second one says. Gives how many there are then.
pub type Mutate = fn(&mut [u8], usize, usize) -> usize;

/// Changes the audio file that the first `size` bytes are, to one of at most `most` bytes, and gives its size.
///
/// # Panics
/// When `data` has no room for `size` or `most` bytes.
pub fn audio(data: &mut [u8], size: usize, most: usize, seed: u32, mutate: Mutate) -> usize {
    let size = mutate(data, size, most);
    // Wrong checksums are of interest as well.
    if !seed.is_multiple_of(8) {
        ogg::put_right(&mut data[..size]);
        flac::put_right(&mut data[..size]);
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_more(data: &mut [u8], size: usize, most: usize) -> usize {
        if let Some(last) = data[..size].last_mut() {
            *last = last.wrapping_add(1);
        }
        (size + 1).min(most)
    }

    #[test]
    fn models_change_and_stay_models() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/model/lstm.onnx");
        let model = std::fs::read(path).unwrap();
        let most = 2 * model.len();
        let (mut readable, mut changed) = (0, 0);
        for seed in 0..200 {
            let mut data = model.clone();
            data.resize(most, 0);
            let size = onnx(&mut data, model.len(), most, seed, one_more);
            assert!(size <= most);
            readable += usize::from(wire::read(&data[..size]).is_some());
            changed += usize::from(data[..size] != model);
        }
        assert!(readable > 150 && changed > 150, "{readable} readable, {changed} changed");
    }
}
