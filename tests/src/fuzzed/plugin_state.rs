//! What projects save of the plugin.

use std::collections::HashMap;
use std::sync::Arc;

use earworm_plugin::state::{LEAST_SPAN_S, MOST_SNAPSHOTS, SMALLEST, Snapshot, Snapshots};
use earworm_plugin::{Earworm, EarwormParams};
use nice_plug::plugin::ParamValue;
use nice_plug::prelude::{Params, PluginState};
use nice_plug::wrapper::state;
use serde_json::{Map, Value, json};

/// Loads a saved state and saves it again, as the plugin does when a project is opened and kept, through the code
/// of nice-plug that hosts reach.
pub(super) fn plugin_state(bytes: &[u8]) {
    let document = serde_json::from_slice::<Map<String, Value>>(bytes).ok();
    let Some(read) = read(bytes) else {
        assert!(document.is_none(), "whatever is in it, an object is read");
        return;
    };
    if let Some(document) = document {
        each_value_is_read_by_itself(document);
    }
    let saved = load(&read);
    // Saved and loaded again nothing changes.
    let again = self::read(&saved).expect("what was saved is read");
    assert_eq!(load(&again), saved);
    let saved = whole(&saved);
    // What is not there is as new, and keeps nothing else from being read.
    for id in names(&saved, "params") {
        let mut rest = read.clone();
        if rest.params.remove(id).is_some() {
            is_the_same_but_for(&saved, &rest, ("params", id.as_str()));
        }
    }
    for name in names(&saved, "fields") {
        let mut rest = read.clone();
        if rest.fields.remove(name).is_some() {
            is_the_same_but_for(&saved, &rest, ("fields", name.as_str()));
        }
    }
}

/// What a host kept, if it can be read.
fn read(bytes: &[u8]) -> Option<PluginState> {
    // SAFETY: nothing but these bytes is looked at.
    unsafe { state::deserialize_json(bytes) }
}

/// A value that is read when it is alone is read beside all others.
fn each_value_is_read_by_itself(document: Map<String, Value>) {
    let all = read(Value::from(document.clone()).to_string().as_bytes());
    let all = all.expect("it is an object");
    for part in ["params", "fields"] {
        let values = document.get(part).and_then(Value::as_object);
        for (name, value) in values.into_iter().flatten() {
            let alone = json!({ part: { name: value } }).to_string();
            let alone = read(alone.as_bytes()).expect("it is an object");
            let has = |state: &PluginState| match part {
                "params" => state.params.contains_key(name),
                _ => state.fields.contains_key(name),
            };
            assert_eq!(has(&all), has(&alone), "{name} in {part}");
        }
    }
}

/// Gives a state to a new instance, which saves it.
fn load(read: &PluginState) -> Vec<u8> {
    let params = Arc::new(EarwormParams::default());
    let (mut numbers, mut pointers) = (HashMap::new(), HashMap::new());
    for (number, (id, pointer, _)) in (0..).zip(params.param_map()) {
        numbers.insert(id, number);
        pointers.insert(number, pointer);
    }
    let mut read = read.clone();
    // SAFETY: the pointers are of parameters that live in `params`.
    let (loaded, saved) = unsafe {
        let getter = state::make_params_getter(&pointers, &numbers);
        let loaded = state::deserialize_object::<Earworm>(&mut read, params.clone(), getter, None);
        let all = state::make_params_iter(&pointers, &numbers);
        (loaded, state::serialize_json::<Earworm>(params.clone(), all))
    };
    assert!(loaded);
    can_be_shown(&params);
    saved.expect("it is saved")
}

fn can_be_shown(params: &EarwormParams) {
    let looks = params.looks.read().expect("nobody panics with it").clone();
    let size = looks.size.sane();
    assert!(size.0 >= SMALLEST.0 && size.1 >= SMALLEST.1, "{size:?}");
    assert!(looks.span_s.is_none_or(|span_s| span_s.is_finite() && span_s >= LEAST_SPAN_S));
    let mut snapshots: Snapshots = params.snapshots.read().expect("nor with it").clone();
    assert!(snapshots.list.len() <= MOST_SNAPSHOTS, "{} snapshots", snapshots.list.len());
    snapshots.add(Snapshot::default());
    assert!((1..=MOST_SNAPSHOTS).contains(&snapshots.list.len()));
}

/// What was saved, which every nice-plug can read, also one that gives up at the first damage.
fn whole(saved: &[u8]) -> Value {
    let state: PluginState = serde_json::from_slice(saved).expect("nothing in it is damaged");
    let score = &state.params["score"];
    assert!(matches!(score, ParamValue::F32(score) if (0.0..=100.0).contains(score)), "{score:?}");
    assert_eq!((state.params.len(), state.fields.len()), (8, 3));
    serde_json::from_slice(saved).expect("it was read just now")
}

fn names<'a>(saved: &'a Value, part: &str) -> impl Iterator<Item = &'a String> {
    saved[part].as_object().into_iter().flat_map(|values| values.keys())
}

/// A state without one of its values is what was saved with it, but for that value.
fn is_the_same_but_for(saved: &Value, rest: &PluginState, without: (&str, &str)) {
    let rest = whole(&load(rest));
    for part in ["params", "fields"] {
        for name in names(saved, part) {
            let depends = rest[part][name] != saved[part][name];
            assert!(!depends || (part, name.as_str()) == without, "{name} depends on {without:?}");
        }
    }
}
