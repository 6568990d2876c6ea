//! Curves as TensorBoard event files.
//!
//! The format is a sequence of TFRecords (length, masked CRC-32C of it, payload, masked CRC-32C of
//! that), each an `Event` protobuf message; see tensorflow/core/util/event.proto and
//! tensorflow/core/lib/io/record_writer.h.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use prost::Message;

use crate::files;

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
}

/// Named values at one step of training.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Seconds since 1970.
    pub wall_time: f64,
    /// The step.
    pub step: u64,
    /// Names and values.
    pub values: Vec<(String, f64)>,
}

/// Brings an event file to all points so far. TensorBoard keeps a file open and reads on where it was: what the
/// file holds of these points stays as it is, and the others are written behind it, in place of what a training
/// that did not come to its next checkpoint may have left there.
///
/// # Errors
/// When the file cannot be written; the message names it.
pub fn write(path: &Path, points: &[Point]) -> Result<()> {
    let records = records(points);
    let there = std::fs::read(path).unwrap_or_default();
    let (mut kept, mut left) = (0, there.as_slice());
    for record in &records {
        let Some(rest) = left.strip_prefix(record.as_slice()) else { break };
        (kept, left) = (kept + 1, rest);
    }
    if !path.exists() {
        return files::write_bytes(path, records.concat());
    }
    let end = (there.len() - left.len()) as u64;
    write_from(path, end, &records[kept..].concat())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes bytes into a file that is there, from a place on, where it then ends.
fn write_from(path: &Path, place: u64, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(place)?;
    file.seek(SeekFrom::Start(place))?;
    file.write_all(bytes)
}

/// The records of an event file: its version, then one for each point.
fn records(points: &[Point]) -> Vec<Vec<u8>> {
    let begun = points.first().map_or(0.0, |p| p.wall_time);
    let version = Event {
        wall_time: begun,
        file_version: Some("brain.Event:2".into()),
        ..Default::default()
    };
    std::iter::once(version).chain(points.iter().map(Point::event)).map(|e| record(&e)).collect()
}

impl Point {
    fn event(&self) -> Event {
        let value = |(tag, value): &(String, f64)| SummaryValue {
            tag: tag.clone(),
            simple_value: Some(*value as f32),
        };
        Event {
            wall_time: self.wall_time,
            step: i64::try_from(self.step).unwrap_or(i64::MAX),
            summary: Some(Summary { value: self.values.iter().map(value).collect() }),
            ..Default::default()
        }
    }
}

fn record(event: &Event) -> Vec<u8> {
    let payload = event.encode_to_vec();
    let length = (payload.len() as u64).to_le_bytes();
    let mut bytes = length.to_vec();
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend(&payload);
    bytes.extend(masked_crc(&payload).to_le_bytes());
    bytes
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn records_are_as_tensorflow_writes_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.out.tfevents.0.test");
        let point = Point { wall_time: 1.5, step: 7, values: vec![("loss".into(), 0.25)] };
        write(&path, &[point]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        // The first record of every file TensorFlow writes: a double, then the version string.
        assert_eq!(bytes[..8], 24u64.to_le_bytes());
        // Masked checksum of the length 24, as it stands in files that TensorFlow wrote.
        assert_eq!(bytes[8..12], [0xa3, 0x7f, 0x4b, 0x22]);
        assert_eq!(bytes[23..36], *b"brain.Event:2");
        let second = 8 + 4 + 24 + 4;
        let length = u64::from_le_bytes(bytes[second..second + 8].try_into().unwrap()) as usize;
        let event = Event::decode(&bytes[second + 12..second + 12 + length]).unwrap();
        assert_eq!((event.step, event.wall_time), (7, 1.5));
        assert_eq!(event.summary.unwrap().value[0].simple_value, Some(0.25));
        assert_eq!(bytes.len(), second + 12 + length + 4);
    }

    fn point(step: u64, wall_time: f64) -> Point {
        Point { wall_time, step, values: vec![("loss/train".into(), 1.0 / step as f64)] }
    }

    /// As TensorBoard looks on: with the file open from the first pass to the last.
    #[test]
    fn who_has_the_file_open_reads_every_pass() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.out.tfevents.0.test");
        let points: Vec<Point> = (1..=4).map(|n| point(n, 100.0 + n as f64)).collect();
        write(&path, &points[..1]).unwrap();
        let mut open = std::fs::File::open(&path).unwrap();
        let mut seen = Vec::new();
        for passes in 1..=4 {
            write(&path, &points[..passes]).unwrap();
            open.read_to_end(&mut seen).unwrap();
            assert_eq!(seen, records(&points[..passes]).concat(), "after {passes} passes");
        }
    }

    #[test]
    fn a_training_that_goes_on_goes_on_in_the_same_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events.out.tfevents.0.test");
        let before = [point(1, 101.0), point(2, 102.0), point(3, 103.0)];
        // The third pass was written but not saved, and is done again.
        let again = [before[0].clone(), before[1].clone(), point(3, 203.0)];
        write(&path, &before).unwrap();
        let mut open = std::fs::File::open(&path).unwrap();
        write(&path, &again).unwrap();
        let wanted = records(&again).concat();
        assert_eq!(std::fs::read(&path).unwrap(), wanted);
        // The machine failed in the middle of a record.
        let half = OpenOptions::new().write(true).open(&path).unwrap();
        half.set_len(wanted.len() as u64 - 7).unwrap();
        write(&path, &again).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), wanted);
        let mut seen = Vec::new();
        open.read_to_end(&mut seen).unwrap();
        assert_eq!(seen, wanted, "it is another file");
        // Of another training nothing is left.
        let other = [point(1, 301.0)];
        write(&path, &other).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), records(&other).concat());
    }

    // The check value of CRC-32C (RFC 3720, B.4) and its mask.
    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }
}
