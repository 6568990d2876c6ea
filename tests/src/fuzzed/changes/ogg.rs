//! The checksums of Ogg pages.

use super::checksum::checksum;

const HEAD: usize = 27;

/// Sets the checksum of every page.
pub(super) fn put_right(file: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = file[at..].windows(4).position(|start| start == b"OggS") {
        at += found;
        let Some(end) = end_of(&file[at..]) else { return };
        let page = &mut file[at..at + end];
        page[22..26].fill(0);
        let sum = checksum(page, 32, 0x04c1_1db7);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        at += 4;
    }
}

fn end_of(page: &[u8]) -> Option<usize> {
    let segments = usize::from(*page.get(HEAD - 1)?);
    let lengths = page.get(HEAD..HEAD + segments)?;
    let end = HEAD + segments + lengths.iter().map(|&length| usize::from(length)).sum::<usize>();
    Some(end.min(page.len()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_right_file_stays_as_it_is() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/decode/vorbis.ogg");
        let right = std::fs::read(path).unwrap();
        let mut wrong = right.clone();
        wrong[23] ^= 1;
        super::put_right(&mut wrong);
        assert_eq!(wrong, right);
    }
}
