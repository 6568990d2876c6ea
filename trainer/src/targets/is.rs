//! Whether a column has a value.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::OfSong;
use crate::dataset::Track;
use crate::table::is_missing;

/// Whether a column has a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Is {
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
}

impl Is {
    /// The target of a song.
    pub(super) fn of_track(&self, track: &Track) -> Result<OfSong> {
        let (text, value) = (track.text(&self.column)?.trim(), self.value.trim());
        // What is not known is no “no”, unless that is what is asked for.
        ensure!(
            text == value || !is_missing(text),
            "track {}: {} is {text:?}, which says neither {value:?} nor anything else; fill it in or leave the song out",
            track.id,
            self.column
        );
        Ok(OfSong::yes_or_no(text == value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(value: &str, cell: &str) -> Result<f64> {
        let is = Is { column: "viral".into(), value: value.into() };
        let columns = [("viral".to_owned(), cell.to_owned())].into();
        let track = Track { id: "song 7".into(), file: String::new(), columns };
        is.of_track(&track).map(|of_song| of_song.truth)
    }

    #[test]
    fn spaces_around_a_value_do_not_count() {
        assert_eq!(truth("yes", " yes ").unwrap(), 1.0);
        assert_eq!(truth(" yes", "yes").unwrap(), 1.0);
        assert_eq!(truth("yes", "no").unwrap(), 0.0);
    }

    #[test]
    fn what_is_not_known_is_no_no() {
        for cell in ["", " ", "NaN", "n/a", "None"] {
            let message = truth("yes", cell).unwrap_err().to_string();
            assert!(message.contains("song 7: viral is"), "{message}");
        }
        assert_eq!(truth("none", "none").unwrap(), 1.0);
        assert_eq!(truth("none", "some").unwrap(), 0.0);
        assert_eq!(truth("", " ").unwrap(), 1.0);
        assert!(truth("", "none").is_err());
    }
}
