//! Metadata that are missing, of a wrong form, or that cannot be honoured.

use earworm_scorer::model::{Input, METADATA_KEY, Model};
use prost::Message;
use serde_json::{Value, json};
use tract_onnx::pb::{ModelProto, StringStringEntryProto};

use crate::common::{proto, tiny_window, with_metadata};
use crate::{STREAMING, WINDOW, assert_refused};

#[test]
fn metadata_must_be_there_and_be_json() {
    let mut model = proto(STREAMING);
    model.metadata_props.clear();
    assert_refused("no metadata", &model, &[METADATA_KEY, "is missing", "earworm-train export"]);
    model.metadata_props.push(StringStringEntryProto { key: "other".into(), value: "{}".into() });
    assert_refused("another's metadata", &model, &[METADATA_KEY, "is missing"]);
    for text in ["", "liked", "{\"contract_version\": 1,", &"[".repeat(100_000)] {
        model.metadata_props[0].key = METADATA_KEY.into();
        model.metadata_props[0].value = text.into();
        assert_refused("no JSON", &model, &[METADATA_KEY, "is not JSON"]);
    }
}

#[test]
fn the_contract_version_is_looked_at_first() {
    for (version, words) in [
        (json!(2), ["contract_version", "2 is not 1"]),
        (json!(0), ["contract_version", "0 is not 1"]),
        (json!("x"), ["contract_version", "no whole number"]),
        (json!(1.5), ["contract_version", "no whole number"]),
        (json!(null), ["contract_version", "no whole number"]),
    ] {
        // A later version may have fields that this one does not know.
        let model = with_metadata(STREAMING, |m| {
            m["contract_version"] = version;
            m["new_field"] = json!(1);
        });
        assert_refused("contract_version", &model, &words);
    }
    let model = with_metadata(STREAMING, |m| {
        m.as_object_mut().unwrap().remove("contract_version");
    });
    assert_refused("contract_version", &model, &["contract_version", "is missing"]);
}

/// All paths of fields in the document, such as `front_end.level.kind` and `classes.0.name`.
fn paths(value: &Value, prefix: &str, found: &mut Vec<String>) {
    let entries: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => return,
    };
    for (key, value) in entries {
        let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        found.push(path.clone());
        paths(value, &path, found);
    }
}

/// The metadata with every kind of field there is, and all its paths.
fn full_document() -> (ModelProto, Vec<String>) {
    let mut found = Vec::new();
    let model = with_metadata(STREAMING, |m| {
        m["metrics"] =
            json!([{"name": "auc", "scope": "all", "value": 0.7, "low": 0.6, "high": 0.8}]);
        paths(m, "", &mut found);
    });
    Model::from_bytes(&model.encode_to_vec(), "full").unwrap();
    found.retain(|path| path != "contract_version");
    (model, found)
}

fn change_document(model: &ModelProto, change: impl FnOnce(&mut Value)) -> ModelProto {
    let mut model = model.clone();
    let mut document = serde_json::from_str(&model.metadata_props[0].value).unwrap();
    change(&mut document);
    model.metadata_props[0].value = document.to_string();
    model
}

/// A path as messages write it: `classes[0].name` for `classes.0.name`.
fn shown(path: &str) -> String {
    path.split('.').fold(String::new(), |shown, part| match part.parse::<usize>() {
        Ok(index) => format!("{shown}[{index}]"),
        Err(_) if shown.is_empty() => part.to_owned(),
        Err(_) => format!("{shown}.{part}"),
    })
}

/// The object or array that holds the field at `path`, and the field's own name.
fn parent<'a, 'b>(document: &'a mut Value, path: &'b str) -> (&'a mut Value, &'b str) {
    let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
    let pointer: String = parent
        .split('.')
        .filter(|p| !p.is_empty())
        .fold(String::new(), |pointer, part| format!("{pointer}/{part}"));
    (document.pointer_mut(&pointer).unwrap(), name)
}

#[test]
fn each_missing_field_is_named() {
    let (full, paths) = full_document();
    let optional = ["meaning", "about"];
    for path in &paths {
        let mut removed = false;
        let model = change_document(&full, |document| {
            let (parent, name) = parent(document, path);
            removed = !optional.contains(&name)
                && parent.as_object_mut().is_some_and(|o| o.remove(name).is_some());
        });
        if removed {
            assert_refused(
                "missing",
                &model,
                &[&format!("metadata field {}:", shown(path)), "missing"],
            );
        }
    }
}

#[test]
fn each_field_of_a_wrong_type_is_named() {
    let (full, paths) = full_document();
    for path in &paths {
        let model = change_document(&full, |document| {
            let (parent, name) = parent(document, path);
            let value = match parent {
                Value::Array(items) => &mut items[name.parse::<usize>().unwrap()],
                object => &mut object[name],
            };
            *value = if value.is_boolean() { json!(1) } else { json!(true) };
        });
        // serde reads the numbers of the calibration as a whole.
        let named = match path.as_str() {
            "calibration.slope" | "calibration.intercept" => "calibration",
            path => path,
        };
        assert_refused("wrong type", &model, &[&format!("metadata field {}:", shown(named))]);
    }
}

#[test]
fn unknown_fields_are_named() {
    for place in ["", "front_end", "front_end.level", "data", "classes.0", "calibration"] {
        let path = if place.is_empty() { "spice".into() } else { format!("{place}.spice") };
        let model = with_metadata(STREAMING, |document| {
            parent(document, &path).0["spice"] = json!(7);
        });
        let path = shown(&path);
        let words = if place == "calibration" { [place, "spice"] } else { [&*path, "unknown"] };
        assert_refused("unknown field", &model, &words);
    }
}

#[test]
fn values_that_cannot_be_honoured_are_named() {
    type Change = fn(&mut Value);
    let cases: [(&str, Change, &[&str]); 19] = [
        ("contract", |m| m["contract"] = json!("batch"), &["field contract", "batch"]),
        ("task", |m| m["task"] = json!("ranking"), &["field task", "ranking"]),
        (
            "mel_scale",
            |m| m["front_end"]["mel_scale"] = json!("bark"),
            &["field front_end.mel_scale", "bark", "slaney"],
        ),
        (
            "level",
            |m| m["front_end"]["level"]["kind"] = json!("lufs"),
            &["field front_end.level.kind", "lufs"],
        ),
        (
            "calibration",
            |m| m["calibration"]["kind"] = json!("spline"),
            &["field calibration", "spline"],
        ),
        ("n_fft", |m| m["front_end"]["n_fft"] = json!(1u64 << 40), &["front_end.n_fft", "16384"]),
        ("n_fft", |m| m["front_end"]["n_fft"] = json!(513), &["front_end.n_fft", "513"]),
        ("n_fft", |m| m["front_end"]["n_fft"] = json!(-2), &["front_end.n_fft", "-2"]),
        ("hop", |m| m["front_end"]["hop"] = json!(0), &["front_end.hop"]),
        // Half a minute of such frames could take gigabytes.
        ("hop", |m| m["front_end"]["hop"] = json!(1), &["front_end.hop", "16000", "400"]),
        ("hop", |m| m["front_end"]["hop"] = json!(39), &["front_end.hop", "411", "400"]),
        ("f_max", |m| m["front_end"]["f_max"] = json!(8001), &["front_end.f_max", "8000"]),
        ("amin", |m| m["front_end"]["amin"] = json!(1e300), &["front_end.amin"]),
        ("window_frames", |m| m["window_frames"] = json!(0), &["window_frames", "100000"]),
        ("window_frames", |m| m["window_frames"] = json!(100_001), &["window_frames", "100000"]),
        ("window_frames", |m| m["window_frames"] = json!(u64::MAX), &["window_frames", "100000"]),
        ("warm_up_frames", |m| m["warm_up_frames"] = json!(65), &["warm_up_frames"]),
        ("score_class", |m| m["score_class"] = json!("loved"), &["score_class", "loved"]),
        (
            "classes",
            |m| m["classes"][1]["name"] = m["classes"][0]["name"].clone(),
            &["classes[1].name", "another class"],
        ),
    ];
    for (what, change, words) in cases {
        assert_refused(what, &with_metadata(STREAMING, change), words);
    }
}

/// The sound of a window is kept where it is described: hours of it would take gigabytes.
#[test]
fn windows_too_long_to_describe_are_named() {
    let names = ["zcr"];
    for kind in ["descriptors", "mel_and_descriptors"] {
        let model = with_metadata(WINDOW, |m| {
            m["input"] = json!({"kind": kind, "names": names});
            m["front_end"]["n_fft"] = json!(4096);
            m["front_end"]["hop"] = json!(4096);
            m["window_frames"] = json!(100_000);
        });
        assert_refused(kind, &model, &["field window_frames", "100000", "426.7 minutes", "69.9"]);
    }
    let mut metadata = tiny_window().metadata().clone();
    metadata.input = Input::Descriptors { names: names.map(str::to_owned).to_vec() };
    (metadata.front_end.n_fft, metadata.front_end.hop) = (4096, 4096);
    metadata.window_frames = 1 << 14;
    metadata.validate().unwrap();
    metadata.window_frames += 1;
    assert_eq!(metadata.validate().unwrap_err().field, "window_frames");
    // Of frames alone less is kept.
    metadata.input = Input::Mel;
    metadata.validate().unwrap();
}

#[test]
fn calibrations_that_cannot_be_honoured_are_named() {
    let isotonic = |x: Value, y: Value| json!({"kind": "isotonic", "x": x, "y": y});
    let many: Vec<usize> = (0..=earworm_scorer::model::MOST_POINTS).collect();
    let flat = vec![0.5; many.len()];
    let cases: [(Value, &[&str]); 16] = [
        (json!({"kind": "temperature", "t": 0.0}), &["field calibration.t", "above 0"]),
        (json!({"kind": "temperature", "t": -1.5}), &["field calibration.t", "-1.5"]),
        (json!({"kind": "temperature", "t": 1e300}), &["field calibration"]),
        (json!({"kind": "temperature"}), &["field calibration.t", "missing"]),
        (json!({"kind": "temperature", "t": 1.0, "x": []}), &["field calibration", "x"]),
        (json!({"kind": "isotonic", "x": [0.0]}), &["field calibration.y", "missing"]),
        (isotonic(json!([]), json!([])), &["field calibration.x", "0 points"]),
        (isotonic(json!([0.0, 1.0]), json!([0.5])), &["field calibration.y", "1 values"]),
        (
            isotonic(json!([0.0, 0.0]), json!([0.1, 0.5])),
            &["field calibration.x[1]", "not above 0"],
        ),
        (isotonic(json!([1.0, 0.0]), json!([0.1, 0.5])), &["field calibration.x[1]"]),
        (isotonic(json!([0.0, 1.0]), json!([0.5, 0.4])), &["field calibration.y[1]", "below 0.5"]),
        (isotonic(json!([0.0, 1.0]), json!([0.5, 1.1])), &["field calibration.y[1]", "1.1"]),
        (isotonic(json!([0.0, 1.0]), json!([-0.1, 1.0])), &["field calibration.y[0]"]),
        (isotonic(json!([0.0, 1e300]), json!([0.1, 1.0])), &["field calibration"]),
        (isotonic(json!([null, 1.0]), json!([0.1, 1.0])), &["field calibration"]),
        (isotonic(json!(many), json!(flat)), &["field calibration.x", "4097 points"]),
    ];
    for (calibration, words) in cases {
        let model = with_metadata(STREAMING, |m| m["calibration"] = calibration);
        assert_refused("calibration", &model, words);
    }
}

#[test]
fn a_model_can_carry_each_calibration() {
    for calibration in [
        json!({"kind": "identity"}),
        json!({"kind": "temperature", "t": 1.5}),
        json!({"kind": "isotonic", "x": [-1.0, 0.5], "y": [0.0, 1.0]}),
    ] {
        let model = with_metadata(STREAMING, |m| m["calibration"] = calibration.clone());
        let model = Model::from_bytes(&model.encode_to_vec(), "calibrated").unwrap();
        assert_eq!(serde_json::to_value(&model.metadata().calibration).unwrap(), calibration);
    }
}
