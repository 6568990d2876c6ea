//! Changes of a protobuf message that leave it one.

use super::Mutate;
use super::random::Random;
use super::wire::{self, Field, Value};

/// Numbers that are the first or last of something.
const EDGES: [u64; 16] = [
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    127,
    128,
    1 << 16,
    (1 << 31) - 1,
    1 << 31,
    u32::MAX as u64,
    i64::MAX as u64,
    i64::MIN as u64,
    u64::MAX,
];

/// Longest text that is taken for a name.
const LONGEST_NAME: usize = 32;

/// Changes one thing in the message, somewhere inside. `words` are texts that may take the place of
/// others.
pub(super) fn change(
    fields: &mut Vec<Field>,
    random: &mut Random,
    words: &[Vec<u8>],
    mutate: Mutate,
) {
    if fields.is_empty() {
        return;
    }
    let at = random.below(fields.len());
    // Further in, more often than not.
    if let Value::Bytes(content) = &mut fields[at].value
        && !random.once_in(4)
        && let Some(mut inner) = wire::read(content).filter(|inner| !inner.is_empty())
    {
        change(&mut inner, random, words, mutate);
        *content = wire::write(&inner);
        return;
    }
    match random.below(12) {
        0 => {
            fields.remove(at);
        }
        1 => {
            let copy = fields[at].clone();
            fields.insert(random.below(fields.len() + 1), copy);
        }
        2 => {
            let other = random.below(fields.len());
            fields.swap(at, other);
        }
        _ => change_value(&mut fields[at].value, random, words, mutate),
    }
}

fn change_value(value: &mut Value, random: &mut Random, words: &[Vec<u8>], mutate: Mutate) {
    match value {
        Value::Number(number) => {
            *number = match random.below(4) {
                0 => *random.choose(&EDGES).unwrap_or(&0),
                1 => number.wrapping_add(1),
                2 => number.wrapping_sub(1),
                _ => *number ^ 1 << random.below(64),
            }
        }
        Value::Long(bytes) => bytes[random.below(8)] = random.next() as u8,
        Value::Short(bytes) => bytes[random.below(4)] = random.next() as u8,
        Value::Bytes(content) => {
            if is_name(content)
                && !random.once_in(8)
                && let Some(word) = random.choose(words)
            {
                *content = word.clone();
                return;
            }
            let size = content.len();
            content.resize(2 * size + 16, 0);
            let most = content.len();
            let size = mutate(content, size, most);
            content.truncate(size);
        }
    }
}

/// Whether this may be the name of something.
pub(super) fn is_name(content: &[u8]) -> bool {
    content.len() <= LONGEST_NAME && content.iter().all(|byte| byte.is_ascii_graphic())
}
