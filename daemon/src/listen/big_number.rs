//! A number in digits five rows high.

/// Rows of a digit.
pub(super) const ROWS: usize = 5;
/// Cells across of the widest number, 100.
pub(super) const CELLS: usize = 22;

/// Dots of the digits 0 to 9: five rows of three, the highest bit on the left.
const DIGITS: [[u8; ROWS]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b010, 0b010, 0b010],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];

/// The number's rows, each dot two cells wide.
pub(super) fn rows(number: u32) -> [String; ROWS] {
    let digits: Vec<usize> =
        number.to_string().bytes().map(|digit| usize::from(digit - b'0')).collect();
    std::array::from_fn(|row| {
        let dots = |digit: &usize| {
            let bits = DIGITS[*digit][row];
            [4, 2, 1].map(|bit| if bits & bit == 0 { "  " } else { "██" }).concat()
        };
        digits.iter().map(dots).collect::<Vec<_>>().join("  ")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text;

    #[test]
    fn numbers_have_the_same_width_in_every_row() {
        for (number, cells) in [(7, 6), (58, 14), (100, CELLS)] {
            assert!(rows(number).iter().all(|row| text::width(row) == cells), "{number}");
        }
        assert_eq!(rows(1)[0], "  ██  ");
    }
}
