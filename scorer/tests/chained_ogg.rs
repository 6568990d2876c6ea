//! Chained Ogg files, such as recorded broadcasts: link after link, each as a file of its own.

mod common;

use std::io::Cursor;
use std::path::Path;

use common::content;
use earworm_scorer::decode::{AudioFile, DecodeError};

fn demo() -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo.ogg")).unwrap()
}

/// All samples of a file, and how much of it was damaged.
fn heard(mut file: AudioFile) -> (Vec<f32>, u64) {
    let mut samples = Vec::new();
    while let Some(block) = file.next_block().unwrap() {
        samples.extend_from_slice(block);
    }
    assert_eq!(file.next_block().unwrap(), None, "there is audio behind the end");
    (samples, file.damaged_packets())
}

/// The same from memory, where one can seek, and from a pipe, where one cannot.
fn heard_both_ways(bytes: &[u8]) -> (Vec<f32>, u64) {
    let from_memory = heard(AudioFile::from_bytes(bytes.to_vec(), "chain.ogg").unwrap());
    let piped = heard(AudioFile::from_reader(Cursor::new(bytes.to_vec()), "pipe").unwrap());
    assert!(from_memory == piped, "a pipe gives {} samples", piped.0.len());
    from_memory
}

fn pages(ogg: &[u8]) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let mut rest = ogg;
    while !rest.is_empty() {
        assert!(rest.starts_with(b"OggS"));
        let segments = usize::from(rest[26]);
        let body: usize = rest[27..27 + segments].iter().map(|&length| usize::from(length)).sum();
        let (page, later) = rest.split_at(27 + segments + body);
        pages.push(page.to_vec());
        rest = later;
    }
    pages
}

/// Puts a page's checksum right.
fn seal(page: &mut [u8]) {
    page[22..26].fill(0);
    let crc = page.iter().fold(0u32, |crc, &byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
            (crc << 1) ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    });
    page[22..26].copy_from_slice(&crc.to_le_bytes());
}

/// The file under another serial number.
fn renumbered(ogg: &[u8], serial: u32) -> Vec<u8> {
    let mut pages = pages(ogg);
    for page in &mut pages {
        page[14..18].copy_from_slice(&serial.to_le_bytes());
        seal(page);
    }
    pages.concat()
}

/// The file cut behind its first packet of sound, which gives none by itself: the decoder needs two.
fn without_sound(ogg: &[u8]) -> Vec<u8> {
    let mut pages = pages(ogg);
    let sound = &pages[2];
    let segments = usize::from(sound[26]);
    let lengths = &sound[27..27 + segments];
    let first = lengths.iter().position(|&length| length < 255).unwrap() + 1;
    let size: usize = lengths[..first].iter().map(|&length| usize::from(length)).sum();
    let mut page = sound[..27].to_vec();
    // Its last page, at whose end no sample has been played.
    page[5] = 4;
    page[6..14].fill(0);
    page[26] = first as u8;
    page.extend_from_slice(&lengths[..first]);
    page.extend_from_slice(&sound[27 + segments..27 + segments + size]);
    seal(&mut page);
    pages.truncate(2);
    pages.push(page);
    pages.concat()
}

#[test]
fn pages_are_sealed_as_they_were() {
    let tone = content("tone.ogg");
    assert_eq!(renumbered(&tone, 0), tone);
}

#[test]
fn every_link_of_a_chain_is_heard() {
    for (name, ogg) in [("tone", content("tone.ogg")), ("demo", demo())] {
        let (single, damaged) = heard_both_ways(&ogg);
        assert!(single.len() > 20_000 && damaged == 0, "{name}");
        for serial in [None, Some(0x1234_5678)] {
            let second = serial.map_or(ogg.clone(), |serial| renumbered(&ogg, serial));
            let (chained, damaged) = heard_both_ways(&[&*ogg, &*second].concat());
            assert_eq!((chained.len(), damaged), (2 * single.len(), 0), "{name}, {serial:?}");
            assert!(chained == [&*single, &*single].concat(), "{name}, {serial:?}");
        }
    }
}

#[test]
fn a_link_of_another_format_is_told() {
    for ogg in [[content("tone.ogg"), demo()], [demo(), content("tone.ogg")]] {
        let mut file = AudioFile::from_bytes(ogg.concat(), "mixed.ogg").unwrap();
        let end = loop {
            match file.next_block() {
                Ok(Some(_)) => {}
                end => break end.map(|_| ()),
            }
        };
        let message = end.unwrap_err().to_string();
        assert!(message.contains("mixed.ogg") && message.contains("midway"), "{message}");
        assert_eq!(file.next_block().unwrap(), None);
    }
}

#[test]
fn a_chain_that_is_cut_off_is_damaged() {
    let demo = demo();
    let (single, _) = heard_both_ways(&demo);
    let (cut, damaged) = heard_both_ways(&[&*demo, &demo[..demo.len() / 2]].concat());
    assert!(cut.starts_with(&single) && damaged == 1, "{} samples, {damaged}", cut.len());
    assert!((1.3..1.7).contains(&(cut.len() as f64 / single.len() as f64)), "{}", cut.len());
}

#[test]
fn empty_links_are_passed_over_but_not_for_ever() {
    let tone = content("tone.ogg");
    let empty = without_sound(&tone);
    let (single, _) = heard_both_ways(&tone);
    let few = [&*tone, &*empty.repeat(3), &*tone].concat();
    assert!(heard_both_ways(&few) == ([&*single, &*single].concat(), 0));
    let first = [&*empty.repeat(3), &*tone].concat();
    assert!(heard_both_ways(&first) == (single.clone(), 0));

    // What follows thousands of them is not looked for.
    let many = [&*tone, &*empty.repeat(3000), &*tone].concat();
    assert!(heard_both_ways(&many) == (single, 1));
    let error = AudioFile::from_bytes(empty.repeat(3000), "empty.ogg").err().unwrap();
    assert!(matches!(&error, DecodeError::NotAudio { reason, .. } if reason.contains("no audio")));
}
