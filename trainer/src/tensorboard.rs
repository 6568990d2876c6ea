//! Curves as TensorBoard event files.
//!
//! The format is a sequence of TFRecords (length, masked CRC-32C of it, payload, masked CRC-32C of
//! that), each an `Event` protobuf message; see tensorflow/core/util/event.proto and
//! tensorflow/core/lib/io/record_writer.h.

use std::path::Path;

use anyhow::Result;
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

/// Writes an event file with all points so far in place of the one before.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, points: &[Point]) -> Result<()> {
    let mut bytes = Vec::new();
    let begun = points.first().map_or(0.0, |p| p.wall_time);
    let version = Event {
        wall_time: begun,
        file_version: Some("brain.Event:2".into()),
        ..Default::default()
    };
    record(&mut bytes, &version);
    for point in points {
        let value = point
            .values
            .iter()
            .map(|(tag, value)| SummaryValue {
                tag: tag.clone(),
                simple_value: Some(*value as f32),
            })
            .collect();
        record(
            &mut bytes,
            &Event {
                wall_time: point.wall_time,
                step: i64::try_from(point.step).unwrap_or(i64::MAX),
                summary: Some(Summary { value }),
                ..Default::default()
            },
        );
    }
    files::write_bytes(path, bytes)
}

fn record(bytes: &mut Vec<u8>, event: &Event) {
    let payload = event.encode_to_vec();
    let length = (payload.len() as u64).to_le_bytes();
    bytes.extend(length);
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend(&payload);
    bytes.extend(masked_crc(&payload).to_le_bytes());
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
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

    // The check value of CRC-32C (RFC 3720, B.4) and its mask.
    #[test]
    fn the_checksum_is_castagnolis() {
        assert_eq!(crc32c::crc32c(&[0; 32]), 0x8a91_36aa);
    }
}
