//! One row of output for each file, as JSON and as CSV.

use std::path::Path;

use earworm_scorer::model::Metadata;
use earworm_scorer::{Hook, Model};
use serde::Serialize;

use super::file::Scored;
use super::timeline::Point;
use crate::clock::{round_hook, round_ms};
use crate::details::Details;
use crate::text;

/// Which model judged, and how well it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Judge {
    name: String,
    sha256: String,
    /// AUC on songs the model had not seen, and its 95 % interval.
    auc: Option<f64>,
    auc_low: Option<f64>,
    auc_high: Option<f64>,
}

impl Judge {
    /// What a row says about a model.
    pub(crate) fn new(model: &Model) -> Self {
        let auc = model.metadata().test_auc();
        Self {
            name: model.metadata().name.clone(),
            sha256: model.sha256().to_owned(),
            auc: auc.map(|auc| auc.value),
            auc_low: auc.map(|auc| auc.low),
            auc_high: auc.map(|auc| auc.high),
        }
    }
}

/// What is known about one file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row<'a> {
    pub(crate) file: String,
    pub(crate) duration_s: Option<f64>,
    pub(crate) score: Option<f32>,
    pub(crate) hook: Option<Hook>,
    pub(crate) details: Details,
    pub(crate) model: &'a Judge,
    pub(crate) damaged_packets: u64,
    pub(crate) warning: Option<String>,
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timeline: Option<Vec<Point>>,
}

impl<'a> Row<'a> {
    /// The row of a file that could not be scored.
    pub(crate) fn failed(path: &Path, error: String, judge: &'a Judge) -> Self {
        Self {
            file: path.display().to_string(),
            duration_s: None,
            score: None,
            hook: None,
            details: Details::default(),
            model: judge,
            damaged_packets: 0,
            warning: None,
            error: Some(error),
            timeline: None,
        }
    }

    /// The row of a file that was read to its end.
    pub(crate) fn scored(
        path: &Path,
        scored: Scored,
        metadata: &Metadata,
        judge: &'a Judge,
    ) -> Self {
        let reading = scored.reading;
        let error = scored.no_score.map(|reason| format!("{}: {reason}", path.display()));
        Self {
            file: path.display().to_string(),
            duration_s: Some(round_ms(scored.duration_s)),
            score: reading.integrated,
            hook: reading.hook.map(round_hook),
            details: Details::new(metadata, &reading.integrated_details),
            model: judge,
            damaged_packets: scored.damaged_packets,
            warning: scored.warning,
            error,
            timeline: scored.timeline,
        }
    }

    /// The error without the name of the file, which stands beside it.
    pub(crate) fn reason(&self) -> Option<&str> {
        let error = self.error.as_deref()?;
        Some(error.strip_prefix(&self.file).and_then(|e| e.strip_prefix(": ")).unwrap_or(error))
    }

    /// The cells of a line of CSV, as [`csv_header`] names them; `point` is the reading of that
    /// line where there is one line a reading.
    pub(crate) fn csv_cells(
        &self,
        metadata: &Metadata,
        with_timeline: bool,
        point: Option<&Point>,
    ) -> Vec<String> {
        let mut cells = vec![
            text::cell(&self.file).into_owned(),
            cell(self.duration_s),
            cell(self.score),
            cell(self.hook.map(|hook| hook.score)),
            cell(self.hook.map(|hook| hook.start_s)),
            cell(self.hook.map(|hook| hook.end_s)),
        ];
        cells.extend(metadata.classes.iter().map(|class| cell(self.details.get(&class.name))));
        cells.extend([
            text::cell(&self.model.name).into_owned(),
            self.model.sha256.clone(),
            cell(self.model.auc),
            cell(self.model.auc_low),
            cell(self.model.auc_high),
            self.damaged_packets.to_string(),
            text::cell(self.warning.as_deref().unwrap_or_default()).into_owned(),
            text::cell(self.error.as_deref().unwrap_or_default()).into_owned(),
        ]);
        if with_timeline {
            cells.extend([
                cell(point.map(|p| p.t)),
                cell(point.and_then(|p| p.momentary)),
                cell(point.and_then(|p| p.window)),
                cell(point.and_then(|p| p.integrated)),
            ]);
        }
        cells
    }
}

/// Names of the columns of CSV.
pub(crate) fn csv_header(metadata: &Metadata, with_timeline: bool) -> Vec<String> {
    let mut names: Vec<String> =
        ["file", "duration_s", "score", "hook_score", "hook_start_s", "hook_end_s"]
            .map(str::to_owned)
            .into();
    names.extend(metadata.classes.iter().map(|class| format!("details_{}", class.name)));
    names.extend(
        [
            "model_name",
            "model_sha256",
            "model_auc",
            "model_auc_low",
            "model_auc_high",
            "damaged_packets",
            "warning",
            "error",
        ]
        .map(str::to_owned),
    );
    if with_timeline {
        names.extend(["t", "momentary", "window", "integrated"].map(str::to_owned));
    }
    names
}

fn cell(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distinct;

    fn judge() -> Judge {
        Judge {
            name: "tiny".into(),
            sha256: "ab".into(),
            auc: Some(0.66),
            auc_low: Some(0.61),
            auc_high: Some(0.71),
        }
    }

    fn row(judge: &Judge) -> Row<'_> {
        Row {
            duration_s: Some(61.5),
            score: Some(57.25),
            hook: Some(Hook { score: 71.0, start_s: 30.0, end_s: 59.5 }),
            details: Details(vec![("joy".into(), 0.5), ("awe".into(), 0.25)]),
            error: None,
            ..Row::failed(Path::new("a.wav"), String::new(), judge)
        }
    }

    #[test]
    fn json_keeps_the_order_of_the_classes() {
        let judge = judge();
        let json = serde_json::to_string(&row(&judge)).unwrap();
        assert_eq!(
            json,
            r#"{"file":"a.wav","duration_s":61.5,"score":57.25,"#.to_owned()
                + r#""hook":{"score":71.0,"start_s":30.0,"end_s":59.5},"#
                + r#""details":{"joy":0.5,"awe":0.25},"#
                + r#""model":{"name":"tiny","sha256":"ab","auc":0.66,"auc_low":0.61,"auc_high":0.71},"#
                + r#""damaged_packets":0,"warning":null,"error":null}"#
        );
    }

    #[test]
    fn a_name_is_no_formula_and_numbers_stay_numbers() {
        let judge = judge();
        let error = "=1+1.wav: the file is empty".to_owned();
        let failed = Row::failed(Path::new("=1+1.wav"), error, &judge);
        let row = Row { score: Some(-1.5), ..failed };
        let model = Model::embedded();
        let header = csv_header(model.metadata(), false);
        let cells = row.csv_cells(model.metadata(), false, None);
        let cell = |name: &str| &cells[header.iter().position(|is| is == name).unwrap()];
        assert_eq!(cell("file"), "'=1+1.wav");
        assert_eq!(cell("error"), "'=1+1.wav: the file is empty");
        assert_eq!(cell("score"), "-1.5");
        assert_eq!(row.file, "=1+1.wav", "JSON has it as it is");
    }

    #[test]
    fn each_value_stands_in_its_own_column() {
        let (judge, model, reading) = (judge(), Model::embedded(), distinct::reading());
        let (metadata, point) = (model.metadata(), Point::new(1.5, &reading));
        let scored = Scored {
            duration_s: 61.5,
            reading,
            no_score: None,
            warning: None,
            damaged_packets: 0,
            timeline: None,
            drawing: None,
        };
        let row = Row::scored(Path::new("a.wav"), scored, metadata, &judge);
        let names = csv_header(metadata, true);
        let cells = row.csv_cells(metadata, true, Some(&point));
        let cell = |name: &str| cells[names.iter().position(|is| is == name).unwrap()].as_str();
        for (name, score) in distinct::SCORES {
            assert_eq!(cell(name), score.to_string(), "{name}");
        }
        assert_eq!((cell("t"), cell("duration_s"), cell("score")), ("1.5", "61.5", "33"));
        let hook = ["hook_score", "hook_start_s", "hook_end_s"].map(cell);
        assert_eq!(hook, ["55", "6", "36"]);
        for class in &metadata.classes {
            assert_eq!(cell(&format!("details_{}", class.name)), "0.75", "of the whole file");
        }
    }

    #[test]
    fn a_failure_has_every_field_too() {
        let judge = judge();
        let row = Row::failed(Path::new("b.mp3"), "b.mp3: the file is empty".into(), &judge);
        assert_eq!(row.reason(), Some("the file is empty"));
        let json: serde_json::Value =
            serde_json::from_str(&serde_json::to_string(&row).unwrap()).unwrap();
        assert!(json["score"].is_null() && json["hook"].is_null());
        assert_eq!(json["details"], serde_json::json!({}));
        assert_eq!(json["error"], "b.mp3: the file is empty");
    }
}
