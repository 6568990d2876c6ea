//! What projects save of the plugin.

use std::collections::BTreeMap;

use earworm_plugin::EarwormParams;
use earworm_plugin::state::{MOST_SNAPSHOTS, SMALLEST, Snapshot, Snapshots};
use nice_plug::prelude::{Params, PluginState};

/// Loads a saved state, as the plugin does when a project is opened.
pub(super) fn plugin_state(bytes: &[u8]) {
    let Ok(mut state) = serde_json::from_slice::<PluginState>(bytes) else { return };
    let saved = load(&state.fields);
    // Saved and loaded again nothing changes.
    assert_eq!(load(&saved), saved);
    // What is not there is as new, and keeps nothing else from being read.
    for name in ["model", "looks", "snapshots"] {
        let Some(field) = state.fields.remove(name) else { continue };
        let rest = load(&state.fields);
        for (other, value) in &saved {
            assert!(other == name || rest[other] == *value, "{other} depends on {name}");
        }
        state.fields.insert(name.to_owned(), field);
    }
}

fn load(fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let params = EarwormParams::default();
    params.deserialize_fields(fields);
    let size = params.looks.read().expect("nobody panics with it").size.sane();
    assert!(size.0 >= SMALLEST.0 && size.1 >= SMALLEST.1, "{size:?}");
    let mut snapshots: Snapshots = params.snapshots.read().expect("nor with it").clone();
    assert!(snapshots.list.len() <= MOST_SNAPSHOTS, "{} snapshots", snapshots.list.len());
    snapshots.add(Snapshot::default());
    assert!((1..=MOST_SNAPSHOTS).contains(&snapshots.list.len()));
    params.serialize_fields()
}
