//! Files that are no models, that are cut off, or in which something was changed by chance.

use std::fs::File;
use std::path::Path;

use earworm_scorer::model::{LARGEST_FILE, Model};
use prost::Message;
use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension;

use crate::common::{Noise, content, proto};
use crate::protos::shape_of;
use crate::{STREAMING, WINDOW, error_of, hush_tract};

#[test]
fn files_that_are_no_models_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not a model.onnx");
    let refused = |path: &Path, words: &[&str]| {
        let error = Model::load(path).err().unwrap().to_string();
        for word in words.iter().chain(&[path.to_str().unwrap()]) {
            assert!(error.contains(word), "{word:?} is not in {error:?}");
        }
    };
    refused(&path, &[]);
    refused(folder.path(), &["folder"]);
    for text in ["", "not a model at all\n", "\u{0}\u{0}\u{0}\u{0}", "{\"name\": \"liked\"}"] {
        std::fs::write(&path, text).unwrap();
        refused(&path, &[]);
    }
    // Sparse: it takes no room on the disk.
    File::create(&path).unwrap().set_len(LARGEST_FILE + 1).unwrap();
    refused(&path, &[&(LARGEST_FILE + 1).to_string(), "more than"]);
    if cfg!(unix) {
        refused(Path::new("/dev/zero"), &["device"]);
    }
}

#[test]
fn models_that_are_cut_off_are_refused() {
    for name in [STREAMING, WINDOW] {
        let whole = content(name);
        for part in 0..50 {
            error_of(&whole[..whole.len() * part / 50]);
        }
        error_of(&whole[..whole.len() - 1]);
    }
}

/// Whatever one byte becomes, loading ends, with a model or with an error.
#[test]
fn single_changed_bytes_never_panic() {
    hush_tract();
    let mut noise = Noise::new(1);
    for name in [STREAMING, WINDOW] {
        let whole = content(name);
        let mut loaded = 0;
        for _ in 0..2000 {
            let mut changed = whole.clone();
            changed[noise.between(0..whole.len())] = noise.between(0..256) as u8;
            match Model::from_bytes(&changed, "changed.onnx") {
                Ok(_) => loaded += 1,
                Err(error) => assert!(error.to_string().starts_with("changed.onnx: ")),
            }
        }
        assert!((1..2000).contains(&loaded), "{name}: {loaded} loaded");
    }
}

/// The same for numbers inside the graph, which random bytes seldom reach: each becomes several
/// that are as wrong as can be.
#[test]
fn extreme_numbers_never_panic() {
    hush_tract();
    let extremes = [i64::MIN, -(1 << 40), -1, 0, 1, 7, 1 << 20, 1 << 40, i64::MAX];
    for name in [STREAMING, WINDOW] {
        for extreme in extremes {
            for target in 0.. {
                let mut model = proto(name);
                let Some(number) = numbers(&mut model).into_iter().nth(target) else { break };
                *number = extreme;
                let _ = Model::from_bytes(&model.encode_to_vec(), "extreme.onnx");
            }
        }
    }
}

/// All whole numbers in a model's graph that say how large, which or where.
fn numbers(model: &mut ModelProto) -> Vec<&mut i64> {
    let mut found = Vec::new();
    found.extend(model.opset_import.iter_mut().map(|opset| &mut opset.version));
    let graph = model.graph.as_mut().unwrap();
    for tensor in &mut graph.initializer {
        if tensor.data_type == DataType::Int64 as i32 && !tensor.raw_data.is_empty() {
            // Unpacked, so that there is a number to change.
            let values = tensor.raw_data.chunks_exact(8);
            tensor.int64_data = values.map(|b| i64::from_le_bytes(b.try_into().unwrap())).collect();
            tensor.raw_data.clear();
        }
        found.extend(tensor.int64_data.iter_mut().chain(&mut tensor.dims));
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        found.extend(attribute.ints.iter_mut().chain([&mut attribute.i]));
    }
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        for dim in shape_of(value) {
            if let Some(dimension::Value::DimValue(size)) = &mut dim.value {
                found.push(size);
            }
        }
    }
    found
}
