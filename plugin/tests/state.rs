//! What a host saves and loads, through nice-plug's own code: a value that is damaged costs only itself, and saving
//! neither panics nor writes what cannot be loaded. nice-plug 0.4.2 as published does both; see `vendor`.

use std::collections::HashMap;
use std::sync::Arc;

use earworm_plugin::harness::automate;
use earworm_plugin::state::Axis;
use earworm_plugin::{Earworm, EarwormParams};
use nice_plug::prelude::{ParamPtr, Params};
use nice_plug::wrapper::state;
use serde_json::{Value, json};

struct Instance {
    params: Arc<EarwormParams>,
    numbers: HashMap<String, u32>,
    pointers: HashMap<u32, ParamPtr>,
}

impl Instance {
    fn new() -> Self {
        let params = Arc::new(EarwormParams::default());
        let (mut numbers, mut pointers) = (HashMap::new(), HashMap::new());
        for (number, (id, pointer, _)) in (0..).zip(params.param_map()) {
            numbers.insert(id, number);
            pointers.insert(number, pointer);
        }
        Self { params, numbers, pointers }
    }

    /// Loads what a host kept, if it can be read.
    fn load(&self, saved: &str) -> bool {
        let params = self.params.clone();
        let getter = state::make_params_getter(&self.pointers, &self.numbers);
        // SAFETY: the pointers are of parameters that live in `params`.
        unsafe {
            let Some(mut read) = state::deserialize_json(saved.as_bytes()) else { return false };
            state::deserialize_object::<Earworm>(&mut read, params, getter, None)
        }
    }

    fn save(&self) -> Value {
        let params = state::make_params_iter(&self.pointers, &self.numbers);
        // SAFETY: as in `load`.
        let saved = unsafe { state::serialize_json::<Earworm>(self.params.clone(), params) };
        serde_json::from_slice(&saved.unwrap()).unwrap()
    }
}

/// An instance in which nothing that the tests damage is as new, saved.
fn saved() -> Value {
    let instance = Instance::new();
    let params = &instance.params;
    automate(&params.bypass, 1.0);
    automate(&params.view, 0.5);
    automate(&params.window, 1.0);
    automate(&params.reset_on, 1.0);
    automate(&params.score, 0.5);
    params.looks.write().unwrap().axis = Axis::Clock;
    instance.save()
}

#[test]
fn a_damaged_parameter_costs_only_itself() {
    let saved = saved();
    let new = Instance::new().save();
    for (id, damage) in [
        ("view", r#"{"i32":99}"#),
        ("view", r#"{"i32":-1}"#),
        ("window", r#"{"i32":3}"#),
        ("window", r#"{"string":"a fortnight"}"#),
        ("rstart", r#"{"i32":2147483647}"#),
        ("score", r#"{"f32":1e39}"#),
        ("score", r#"{"f32":-1e400}"#),
        ("score", r#"{"f32":null}"#),
        ("score", r#"{"bool":true}"#),
        ("bypass", r#"{"x":1}"#),
        ("bypass", "[[[]]]"),
        ("bypass", "null"),
    ] {
        assert_ne!(saved["params"][id], new["params"][id], "{id}");
        let mut state = saved.clone();
        state["params"][id] = json!("here");
        let state = state.to_string().replace(r#""here""#, damage);
        let instance = Instance::new();
        assert!(instance.load(&state), "{id}: {damage}");
        let mut want = saved.clone();
        want["params"][id] = new["params"][id].clone();
        assert_eq!(instance.save(), want, "{id}: {damage}");
    }
}

#[test]
fn damage_beside_the_parameters_costs_only_itself() {
    let saved = saved();
    for (part, damage) in [("version", "7"), ("params", "[1]"), ("fields", r#"{"looks":{}}"#)] {
        let mut state = saved.clone();
        state[part] = json!("here");
        let state = state.to_string().replace(r#""here""#, damage);
        let instance = Instance::new();
        assert!(instance.load(&state), "{part}: {damage}");
        let (got, new) = (instance.save(), Instance::new().save());
        for other in ["params", "fields"] {
            let want = if other == part { &new[other] } else { &saved[other] };
            assert_eq!(&got[other], want, "{part}: {damage}");
        }
    }
    assert!(Instance::new().load("{}"), "nothing is no damage");
    for nothing in ["", "[]", "null", "7", r#"{"params":"#] {
        assert!(!Instance::new().load(nothing), "{nothing}");
    }
}

#[test]
fn numbers_are_brought_into_their_range() {
    for (number, want) in [("1e9", 100.0), ("-3", 0.0), ("41.5", 41.5)] {
        let instance = Instance::new();
        assert!(instance.load(&format!(r#"{{"params":{{"score":{{"f32":{number}}}}}}}"#)));
        assert_eq!(instance.save()["params"]["score"], json!({ "f32": want }));
    }
}

/// Saved as `null`, it kept everything from being loaded again.
#[test]
fn what_is_no_number_is_not_saved() {
    let instance = Instance::new();
    automate(&instance.params.score, f32::NAN);
    assert!(instance.params.score.value().is_nan());
    let saved = instance.save();
    assert_eq!(saved["params"]["score"], json!({ "f32": 0.0 }));
    let other = Instance::new();
    assert!(other.load(&saved.to_string()));
    assert_eq!(other.save(), saved);
}
