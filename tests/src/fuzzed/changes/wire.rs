//! Protobuf messages without their schema: fields by number, lengths put right when written.

/// A field.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::fuzzed) struct Field {
    pub(in crate::fuzzed) number: u64,
    pub(in crate::fuzzed) value: Value,
}

/// What a field holds.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::fuzzed) enum Value {
    Number(u64),
    Long([u8; 8]),
    Short([u8; 4]),
    /// A text, a message, or a list of numbers.
    Bytes(Vec<u8>),
}

/// The fields of a message, if these bytes are one.
pub(in crate::fuzzed) fn read(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = take_number(&mut bytes)?;
        let value = match key & 7 {
            0 => Value::Number(take_number(&mut bytes)?),
            1 => Value::Long(take(&mut bytes)?),
            2 => {
                let length = usize::try_from(take_number(&mut bytes)?).ok()?;
                let (content, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Value::Bytes(content.to_owned())
            }
            5 => Value::Short(take(&mut bytes)?),
            _ => return None,
        };
        if key >> 3 == 0 {
            return None;
        }
        fields.push(Field { number: key >> 3, value });
    }
    Some(fields)
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let [byte] = take(bytes)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// The message's bytes.
pub(in crate::fuzzed) fn write(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, value } in fields {
        let kind = match value {
            Value::Number(_) => 0,
            Value::Long(_) => 1,
            Value::Bytes(_) => 2,
            Value::Short(_) => 5,
        };
        put_number(&mut bytes, number << 3 | kind);
        match value {
            Value::Number(number) => put_number(&mut bytes, *number),
            Value::Long(value) => bytes.extend_from_slice(value),
            Value::Short(value) => bytes.extend_from_slice(value),
            Value::Bytes(content) => {
                put_number(&mut bytes, content.len() as u64);
                bytes.extend_from_slice(content);
            }
        }
    }
    bytes
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_written_as_it_was_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/model/lstm.onnx");
        let bytes = std::fs::read(path).unwrap();
        assert_eq!(write(&read(&bytes).unwrap()), bytes);
        assert_eq!(read(&bytes[..bytes.len() - 1]), None);
    }
}
