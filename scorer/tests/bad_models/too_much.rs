//! Small files that ask for more memory or time than there is, and those that only look so.

use earworm_scorer::model::Model;
use prost::Message;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension;
use tract_onnx::pb::{ModelProto, NodeProto, TensorProto};

use crate::protos::{any, float_value, node, shape_of, size, whole, with_int, with_ints};
use crate::{STREAMING, WINDOW, assert_refused, hush_tract, with_graph};

/// The window model with one number more in its score: the largest value of `grown`, which the
/// nodes make of `mel` and a few constants.
fn adding(nodes: impl IntoIterator<Item = NodeProto>) -> ModelProto {
    with_graph(WINDOW, |g| {
        let one = TensorProto {
            name: "one".into(),
            dims: vec![1],
            data_type: DataType::Float as i32,
            float_data: vec![1.0],
            ..TensorProto::default()
        };
        g.initializer.extend([
            one,
            whole("a column", &[-1, 1]),
            whole("a row", &[1, -1]),
            whole("far", &[1 << 40]),
            whole("on all sides", &[0, 0, 0, 1 << 40, 1 << 40, 1 << 40]),
        ]);
        g.node.last_mut().unwrap().output[0] = "judged".into();
        g.node.extend(nodes);
        g.node.push(with_int(node("ReduceMax", &["grown"], "largest"), "keepdims", 0));
        g.node.push(node("Add", &["judged", "largest"], "score"));
    })
}

/// Doubles a tensor that often.
fn doubled(from: &str, times: usize, to: &str) -> Vec<NodeProto> {
    let name = |i: usize| match i {
        0 => from.to_owned(),
        i if i == times => to.to_owned(),
        i => format!("{from}, doubled {i} times"),
    };
    (0..times)
        .map(|i| node("Concat", &[&name(i), &name(i)], &name(i + 1)))
        .map(|node| with_int(node, "axis", 0))
        .collect()
}

/// Multiplies every value of a tensor with every other.
fn squared(operator: &str, from: &str, to: &str) -> Vec<NodeProto> {
    let (column, row) = (format!("{from}, upright"), format!("{from}, lying"));
    vec![
        node("Reshape", &[from, "a column"], &column),
        node("Reshape", &[from, "a row"], &row),
        node(operator, &[&column, &row], to),
    ]
}

#[test]
fn graphs_that_grow_a_little_are_fine() {
    for nodes in [doubled("one", 4, "grown"), doubled("mel", 4, "grown")] {
        Model::from_bytes(&adding(nodes).encode_to_vec(), "little").unwrap();
    }
    let squares = squared("MatMul", "mel", "grown");
    Model::from_bytes(&adding(squares).encode_to_vec(), "little").unwrap();
}

/// Large networks have weights of more values than a graph may compute.
#[test]
fn large_weights_are_fine() {
    let values = (1 << 26) + 1;
    let to = |kind: DataType, from: &str, name: &str| {
        with_int(node("Cast", &[from], name), "to", i64::from(kind as i32))
    };
    let mut model = adding([
        node("Sub", &["mel", "mel"], "zeros"),
        to(DataType::Int64, "zeros", "places"),
        node("Gather", &["large", "places"], "found"),
        to(DataType::Float, "found", "grown"),
    ]);
    model.graph.as_mut().unwrap().initializer.push(TensorProto {
        name: "large".into(),
        dims: vec![values],
        data_type: DataType::Uint8 as i32,
        raw_data: vec![7; values as usize],
        ..TensorProto::default()
    });
    Model::from_bytes(&model.encode_to_vec(), "large").unwrap();
}

/// These graphs read well and are tiny, but ask for more memory or time than there is.
#[test]
fn small_files_cannot_ask_for_huge_tensors() {
    hush_tract();
    assert_refused("constants", &adding(doubled("one", 44, "grown")), &["constant", "too large"]);
    assert_refused("frames", &adding(doubled("mel", 44, "grown")), &["too large"]);
    let shape = [node("Shape", &["mel"], "shape")].into_iter();
    let shapes = shape.chain(doubled("shape", 44, "grown"));
    assert_refused("shapes", &adding(shapes), &["constant", "too large"]);

    for operator in ["MatMul", "Mul", "Sub"] {
        let many = doubled("one", 20, "many").into_iter();
        let constants = many.chain(squared(operator, "many", "grown"));
        assert_refused(operator, &adding(constants), &["constant", "too large"]);
        let once = squared(operator, "mel", "once").into_iter();
        let frames = once.chain(squared(operator, "once", "grown"));
        assert_refused(operator, &adding(frames), &["too large"]);
    }
    for operator in ["HannWindow", "RandomNormalLike", "Pad", "CumSum"] {
        let window = node(operator, &["far"], "grown");
        assert_refused(operator, &adding([window]), &[operator, "constants alone"]);
    }
    assert_refused("Pad", &adding([node("Pad", &["mel", "on all sides"], "grown")]), &[]);
    assert_refused("TopK", &adding([node("TopK", &["mel", "far"], "grown")]), &[]);
    // tract lists every place that a kernel reaches.
    for (name, ints) in [
        ("kernel_shape", [1 << 30].as_slice()),
        ("kernel_shape", &[1 << 12, 1 << 12]),
        ("pads", &[1 << 29, 1 << 29]),
        ("dilations", &[-(1 << 40)]),
        ("strides", &[i64::MIN]),
    ] {
        let node = with_ints(node("MaxPool", &["mel"], "grown"), name, ints);
        assert_refused(name, &adding([node]), &[name, "too large"]);
    }
}

/// tract would count up to it.
#[test]
fn axes_are_near_zero() {
    for axis in [i64::MIN, -(1 << 61) - 1, -17, 17, i64::MAX] {
        let norm = with_int(node("Softmax", &["mel"], "grown"), "axis", axis);
        assert_refused("axis", &adding([norm]), &["axis", &axis.to_string()]);
        let mean = with_ints(node("ReduceMean", &["mel"], "grown"), "axes", &[1, axis]);
        assert_refused("axes", &adding([mean]), &["axis", &axis.to_string()]);
    }
}

/// No tensor of this graph is large, but multiplying them would take hours.
#[test]
fn small_files_cannot_ask_for_hours() {
    let products = |times: usize| {
        let name = |i: usize| if i == times { "grown".into() } else { format!("product {i}") };
        let chain = (0..times).map(|i| node("MatMul", &[&name(i), &name(i)], &name(i + 1)));
        adding(squared("MatMul", "mel", &name(0)).into_iter().chain(chain.collect::<Vec<_>>()))
    };
    Model::from_bytes(&products(2).encode_to_vec(), "few").unwrap();
    assert_refused("products", &products(100), &["multiplications"]);
}

#[test]
fn states_cannot_be_huge_together() {
    let model = with_graph(STREAMING, |g| {
        for n in 4..10_000 {
            let shape = || vec![size(1), any("batch"), size(1 << 20)];
            g.input.push(float_value(&format!("state.{n}.in"), shape()));
            g.node.push(node("Identity", &[&format!("state.{n}.in")], &format!("state.{n}.out")));
            g.output.push(float_value(&format!("state.{n}.out"), shape()));
        }
    });
    assert_refused("states", &model, &["states are too large"]);
}

/// Names of dimensions can be formulas; working them out could take for ever or exhaust the stack.
#[test]
fn formulas_in_dimensions_are_not_worked_out() {
    let nested = |depth| format!("{}x{}", "(".repeat(depth), ")".repeat(depth));
    for formula in [nested(1 << 20), "(a+b)*".repeat(1000) + "c", "a/".repeat(5000) + "0"] {
        for name in [STREAMING, WINDOW] {
            let model = with_graph(name, |g| {
                for value in g.input.iter_mut().chain(&mut g.output) {
                    for dim in shape_of(value) {
                        if let Some(dimension::Value::DimParam(name)) = &mut dim.value {
                            name.clone_from(&formula);
                        }
                    }
                }
                g.value_info.push(float_value("top", vec![any(&formula)]));
            });
            Model::from_bytes(&model.encode_to_vec(), "formulas").unwrap();
        }
    }
}

/// As many nodes in a row as are allowed load in a time one can wait for.
#[test]
fn long_chains_end() {
    let chain = |nodes: usize| {
        adding((0..nodes).map(|i| {
            let from = if i == 0 { "mel".to_owned() } else { format!("link {i}") };
            let to = if i == nodes - 1 { "grown".into() } else { format!("link {}", i + 1) };
            node(if i % 2 == 0 { "Tanh" } else { "Sigmoid" }, &[&from], &to)
        }))
    };
    Model::from_bytes(&chain(1000).encode_to_vec(), "long").unwrap();
    assert_refused("longer", &chain(20_001), &["nodes are more than"]);
}

/// What is done with a tensor grows with a power of its axes.
#[test]
fn tensors_of_too_many_axes_are_refused() {
    let unsqueezed = |axes: i64| {
        let mut model = adding([node("Unsqueeze", &["mel", "where"], "grown")]);
        let graph = model.graph.as_mut().unwrap();
        graph.initializer.push(whole("where", &(3..3 + axes).collect::<Vec<_>>()));
        model
    };
    Model::from_bytes(&unsqueezed(2).encode_to_vec(), "some").unwrap();
    assert_refused("unsqueezed", &unsqueezed(2000), &["Unsqueeze", "16 axes"]);
    let mut reshaped = adding([node("Reshape", &["mel", "shape"], "grown")]);
    let mut shape = vec![0, 0, 0];
    shape.resize(2000, 1);
    reshaped.graph.as_mut().unwrap().initializer.push(whole("shape", &shape));
    assert_refused("reshaped", &reshaped, &["Reshape", "16 axes"]);
    let mut deep = adding(doubled("one", 1, "grown"));
    deep.graph.as_mut().unwrap().initializer.push(TensorProto {
        name: "deep".into(),
        dims: vec![1; 2000],
        data_type: DataType::Float as i32,
        float_data: vec![1.0],
        ..TensorProto::default()
    });
    assert_refused("deep", &deep, &["deep", "2000 axes"]);
}

/// None of them is large, but they are kept all together.
#[test]
fn constants_that_are_too_many_together_are_refused() {
    let sums = |count: usize| {
        let sum = |n: usize| node("Add", &["column of 1024", "row of 1023"], &format!("sum {n}"));
        let mut model = adding((0..count).map(sum).chain(doubled("mel", 1, "grown")));
        let ones = |name: &str, dims: [i64; 2]| TensorProto {
            name: name.into(),
            dims: dims.to_vec(),
            data_type: DataType::Float as i32,
            float_data: vec![1.0; dims.iter().product::<i64>() as usize],
            ..TensorProto::default()
        };
        let graph = model.graph.as_mut().unwrap();
        graph.initializer.push(ones("column of 1024", [1024, 1]));
        graph.initializer.push(ones("row of 1023", [1, 1023]));
        model
    };
    Model::from_bytes(&sums(2).encode_to_vec(), "two").unwrap();
    assert_refused("sums", &sums(300), &["too many constants"]);
}

#[test]
fn nodes_of_too_many_inputs_are_refused() {
    let joined = |count: usize| {
        let all = vec!["mel"; count];
        adding([with_int(node("Concat", &all, "grown"), "axis", 0)])
    };
    Model::from_bytes(&joined(20).encode_to_vec(), "some").unwrap();
    assert_refused("joined", &joined(30_000), &["30000"]);
}
