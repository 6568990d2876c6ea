//! The checksums of FLAC frames.

use super::checksum::checksum;

/// Sets both checksums of everything that begins like a frame, up to where the next one begins.
pub(super) fn put_right(file: &mut [u8]) {
    if !file.windows(4).any(|start| start == b"fLaC") {
        return;
    }
    let mut starts: Vec<usize> = (4..file.len().saturating_sub(8))
        .filter(|&at| file[at] == 0xff && file[at + 1] & 0xfe == 0xf8)
        .collect();
    starts.push(file.len());
    for pair in starts.windows(2) {
        let frame = &mut file[pair[0]..pair[1]];
        let Some(head) = head_length(frame).filter(|&head| head + 3 <= frame.len()) else {
            continue;
        };
        frame[head] = checksum(&frame[..head], 8, 0x07) as u8;
        let end = frame.len() - 2;
        let sum = checksum(&frame[..end], 16, 0x8005) as u16;
        frame[end..].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Bytes of a frame's head before its checksum.
fn head_length(frame: &[u8]) -> Option<usize> {
    let (sizes, number) = (*frame.get(2)?, *frame.get(4)?);
    let number = match number.leading_ones() {
        0 => 1,
        ones @ 2..=7 => ones as usize,
        _ => return None,
    };
    let block_size = match sizes >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match sizes & 0x0f {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    Some(4 + number + block_size + rate)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_right_file_stays_as_it_is() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/decode/mono.flac");
        let right = std::fs::read(path).unwrap();
        let mut wrong = right.clone();
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        super::put_right(&mut wrong);
        assert_eq!(wrong, right);
    }
}
