//! What a project saves beside the parameters: the model, looks and snapshots, as JSON.
//!
//! Older and newer states load: what is missing takes its default, what is unknown is passed over, and
//! a field that cannot be read takes its default alone. The same settings are always the same bytes.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

/// The layout of what is saved; raised when a field changes its meaning.
pub const VERSION: u32 = 1;

/// Most snapshots that are kept.
pub const MOST_SNAPSHOTS: usize = 8;

/// Fewest seconds that the history shows, however far it is zoomed.
pub const LEAST_SPAN_S: f64 = 10.0;

/// Smallest editor, in points.
pub const SMALLEST: (f32, f32) = (560.0, 380.0);
/// Largest editor that a saved state may ask for, in points.
const LARGEST: (f32, f32) = (4096.0, 4096.0);

/// Reads a field, or takes its default where this version cannot read it.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(
    from: D,
) -> Result<T, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// The same for a list, item by item.
fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    let values: Vec<serde_json::Value> = lenient(from)?;
    Ok(values.into_iter().filter_map(|value| serde_json::from_value(value).ok()).collect())
}

/// The same for a number; JSON has no other than finite ones, and none that is another in `f32`.
fn lenient_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f32>, D::Error> {
    lenient(from).map(|number: Option<f32>| number.filter(|number| number.is_finite()))
}

/// The same for a list of numbers, which keep their places.
fn lenient_numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
    let numbers: Vec<Option<f32>> = lenient(from)?;
    let finite = |number: Option<f32>| number.filter(|number| number.is_finite());
    Ok(numbers.into_iter().map(|number| finite(number).unwrap_or_default()).collect())
}

/// Which model scores.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelSetting {
    /// The file, unless it is the built-in model.
    #[serde(deserialize_with = "lenient")]
    pub file: Option<ModelFile>,
}

/// A model file as a project remembers it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelFile {
    /// Where it was.
    #[serde(deserialize_with = "lenient")]
    pub path: String,
    /// SHA-256 of its content, in hexadecimal.
    #[serde(deserialize_with = "lenient")]
    pub sha256: String,
    /// The name it gives itself.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
}

/// What the time axis of the history counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Seconds of sound since the reset.
    #[default]
    Elapsed,
    /// The host's position in the song.
    Song,
    /// The time of day.
    Clock,
}

/// How the editor shows things.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViewSettings {
    /// See [`VERSION`].
    #[serde(deserialize_with = "lenient_version")]
    pub version: u32,
    /// Size of the editor in points.
    #[serde(deserialize_with = "lenient_size")]
    pub size: Size,
    /// What the history's axis counts.
    #[serde(deserialize_with = "lenient")]
    pub axis: Axis,
    /// Seconds that the history shows, at least [`LEAST_SPAN_S`]; none shows all.
    #[serde(deserialize_with = "lenient_span")]
    pub span_s: Option<f64>,
}

/// Width and height in points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Size(pub f32, pub f32);

/// Reads a version; one that cannot be read is this one.
fn lenient_version<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    lenient(from).map(|version: Option<u32>| version.unwrap_or(VERSION))
}

/// Reads a zoom; one that no axis can have is none.
fn lenient_span<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let span_s: Option<f64> = lenient(from)?;
    Ok(span_s.filter(|span_s| span_s.is_finite() && *span_s >= LEAST_SPAN_S))
}

/// Reads a size; one that no number says is as new.
fn lenient_size<'de, D: Deserializer<'de>>(from: D) -> Result<Size, D::Error> {
    let size: Size = lenient(from)?;
    let finite = size.0.is_finite() && size.1.is_finite();
    Ok(if finite { size } else { Size::default() })
}

impl Default for Size {
    fn default() -> Self {
        Self(880.0, 600.0)
    }
}

impl Size {
    /// The same within what an editor can have.
    pub fn sane(self) -> Self {
        let within = |value: f32, least: f32, most: f32, default: f32| {
            if value.is_finite() { value.clamp(least, most) } else { default }
        };
        let Self(width, height) = Self::default();
        Self(
            within(self.0, SMALLEST.0, LARGEST.0, width),
            within(self.1, SMALLEST.1, LARGEST.1, height),
        )
    }
}

impl Default for ViewSettings {
    fn default() -> Self {
        Self { version: VERSION, size: Size::default(), axis: Axis::default(), span_s: None }
    }
}

/// Stored windows, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshots {
    /// At most [`MOST_SNAPSHOTS`].
    #[serde(deserialize_with = "latest_snapshots")]
    pub list: Vec<Snapshot>,
    /// Names already given: A, B, …
    #[serde(deserialize_with = "lenient")]
    pub named: u32,
}

/// Reads the snapshots; the oldest go where there are too many.
fn latest_snapshots<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Snapshot>, D::Error> {
    let mut list = lenient_list(from)?;
    list.drain(..list.len().saturating_sub(MOST_SNAPSHOTS));
    Ok(list)
}

/// One stored window.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Its name: A, B, …
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// The model's name.
    #[serde(deserialize_with = "lenient")]
    pub model: String,
    /// SHA-256 of the model's file, in hexadecimal; empty in states of older versions.
    #[serde(deserialize_with = "lenient")]
    pub sha256: String,
    /// Frames of a whole window; zero in states of older versions.
    #[serde(deserialize_with = "lenient")]
    pub window_frames: usize,
    /// Window score, 0 to 100.
    #[serde(deserialize_with = "lenient_number")]
    pub window: Option<f32>,
    /// Integrated score, 0 to 100.
    #[serde(deserialize_with = "lenient_number")]
    pub integrated: Option<f32>,
    /// Values of the model's outputs, 0 to 1.
    #[serde(deserialize_with = "lenient_numbers")]
    pub details: Vec<f32>,
    /// Points that each frequency region added to the window score, lowest region first; empty where
    /// influence was not looked at.
    #[serde(deserialize_with = "lenient_numbers")]
    pub influence: Vec<f32>,
    /// Where the window ended, in seconds of the song, or of the sound since the reset.
    #[serde(deserialize_with = "lenient")]
    pub at_s: f64,
    /// Whether `at_s` is a place in the song.
    #[serde(deserialize_with = "lenient")]
    pub in_song: bool,
}

impl Snapshot {
    /// Why its scores cannot be compared with those of this model and length of window, if they cannot.
    pub fn incomparable(
        &self,
        model: &str,
        sha256: &str,
        window_frames: usize,
    ) -> Option<&'static str> {
        // A model that is trained anew keeps the name of its recipe.
        let same_model = match self.sha256.as_str() {
            "" => self.model == model,
            stored => stored == sha256,
        };
        let same_window = self.window_frames == 0 || self.window_frames == window_frames;
        match (same_model, same_window) {
            (false, _) => Some("other model"),
            (true, false) => Some("other window"),
            (true, true) => None,
        }
    }
}

impl Snapshots {
    /// Adds one under the next free name; the oldest goes when there are too many.
    pub fn add(&mut self, mut snapshot: Snapshot) {
        let letter = char::from(b'A' + (self.named % 26) as u8);
        let round = self.named / 26;
        snapshot.name =
            if round == 0 { letter.to_string() } else { format!("{letter}{}", round + 1) };
        // After four thousand million of them names begin anew.
        self.named = self.named.wrapping_add(1);
        self.list.push(snapshot);
        if self.list.len() > MOST_SNAPSHOTS {
            self.list.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn older_newer_and_damaged_states_load() {
        let empty: ViewSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, ViewSettings::default());
        let newer = r#"{"version":9,"size":[700.0,500.0],"axis":"moon","span_s":"all","more":[1]}"#;
        let newer: ViewSettings = serde_json::from_str(newer).unwrap();
        assert_eq!(newer.size, Size(700.0, 500.0));
        assert_eq!((newer.axis, newer.span_s), (Axis::Elapsed, None));
        let model: ModelSetting = serde_json::from_str(r#"{"file":7}"#).unwrap();
        assert_eq!(model.file, None);
        let snapshots: Snapshots = serde_json::from_str(r#"{"list":[{"name":"A"}]}"#).unwrap();
        assert_eq!(snapshots.list[0].window, None);
    }

    #[test]
    fn what_cannot_be_read_costs_nothing_else() {
        let looks = r#"{"version":"x","axis":"clock","size":[1e39,500.0],"span_s":90.0}"#;
        let looks: ViewSettings = serde_json::from_str(looks).unwrap();
        assert_eq!((looks.version, looks.axis, looks.span_s), (VERSION, Axis::Clock, Some(90.0)));
        assert_eq!(looks.size, Size::default(), "this size could not be saved");
        let list = r#"{"name":"A","window":"x","details":[0.5,1e39,null],"at_s":7.0},5"#;
        let snapshots = format!(r#"{{"list":[{list}],"named":-1}}"#);
        let snapshots: Snapshots = serde_json::from_str(&snapshots).unwrap();
        assert_eq!((snapshots.list.len(), snapshots.named), (1, 0));
        let first = &snapshots.list[0];
        assert_eq!((first.name.as_str(), first.window, first.at_s), ("A", None, 7.0));
        assert_eq!(first.details, [0.5, 0.0, 0.0]);
    }

    #[test]
    fn no_state_brings_an_axis_that_cannot_be_drawn() {
        let span = |text: &str| {
            let looks = format!(r#"{{"axis":"clock","span_s":{text}}}"#);
            let looks: ViewSettings = serde_json::from_str(&looks).unwrap();
            assert_eq!(looks.axis, Axis::Clock);
            looks.span_s
        };
        for text in ["0", "0.0", "-0.0", "-30.0", "1e-300", "9.999", "null", "\"NaN\"", "[60.0]"] {
            assert_eq!(span(text), None, "{text}");
        }
        assert_eq!((span("10"), span("90.5")), (Some(LEAST_SPAN_S), Some(90.5)));
    }

    #[test]
    fn no_state_brings_more_snapshots_than_there_may_be() {
        let many: Vec<String> = (0..20).map(|n| format!(r#"{{"name":"{n}"}}"#)).collect();
        let text = format!(r#"{{"list":[{}],"named":4294967295}}"#, many.join(","));
        let mut snapshots: Snapshots = serde_json::from_str(&text).unwrap();
        assert_eq!((snapshots.list.len(), snapshots.list[0].name.as_str()), (8, "12"));
        snapshots.add(Snapshot::default());
        assert_eq!((snapshots.list.len(), snapshots.named), (8, 0));
    }

    #[test]
    fn only_scores_of_one_model_and_window_are_compared() {
        let stored = Snapshot {
            model: "mine".into(),
            sha256: "ab".into(),
            window_frames: 640,
            ..Snapshot::default()
        };
        let text = serde_json::to_string(&stored).unwrap();
        let stored: Snapshot = serde_json::from_str(&text).unwrap();
        assert_eq!(stored.incomparable("mine", "ab", 640), None);
        assert_eq!(stored.incomparable("mine", "cd", 640), Some("other model"), "trained anew");
        assert_eq!(stored.incomparable("mine", "ab", 320), Some("other window"));
        // Older versions stored the name alone.
        let older: Snapshot = serde_json::from_str(r#"{"model":"mine","window":50.0}"#).unwrap();
        assert_eq!(older.incomparable("mine", "cd", 320), None);
        assert_eq!(older.incomparable("yours", "cd", 320), Some("other model"));
    }

    #[test]
    fn the_same_settings_are_the_same_bytes_and_come_back() {
        let mut snapshots = Snapshots::default();
        for _ in 0..30 {
            snapshots.add(Snapshot { window: Some(0.1 + 0.2), ..Snapshot::default() });
        }
        assert_eq!(snapshots.list.len(), MOST_SNAPSHOTS);
        assert_eq!(snapshots.list.last().unwrap().name, "D2");
        let json = serde_json::to_string(&snapshots).unwrap();
        let back: Snapshots = serde_json::from_str(&json).unwrap();
        assert_eq!(back, snapshots);
        assert_eq!(serde_json::to_string(&back).unwrap(), json);
    }

    #[test]
    fn no_state_asks_for_an_impossible_size() {
        let Size(width, height) = Size(f32::NAN, 1e9).sane();
        assert_eq!((width, height), (880.0, 4096.0));
        assert_eq!(Size(1.0, 1.0).sane(), Size(SMALLEST.0, SMALLEST.1));
    }
}
