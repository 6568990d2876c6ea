//! Tensors and nodes that do not hold together, and those that are not allowed.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, TensorProto};

use crate::common::proto;
use crate::protos::node;
use crate::{STREAMING, WINDOW, assert_refused, with_graph};

#[test]
fn tensors_must_hold_what_they_say() {
    type Change = fn(&mut TensorProto);
    let cases: [(&str, Change, &[&str]); 7] = [
        ("external", |t| t.data_location = Some(1), &["another file"]),
        ("external", |t| t.external_data.push(Default::default()), &["another file"]),
        ("larger", |t| t.dims[0] = 1 << 20, &["head.w", "not as many values"]),
        ("a little larger", |t| t.dims[0] += 1, &["head.w", "not as many values"]),
        ("overflowing", |t| t.dims = vec![i64::MAX; 4], &["head.w", "not as many values"]),
        ("negative", |t| t.dims[0] = -1, &["head.w", "not as many values"]),
        ("of no type", |t| t.data_type = 999, &["head.w", "type 999"]),
    ];
    for (what, change, words) in cases {
        let change_head = |g: &mut GraphProto| {
            change(g.initializer.iter_mut().find(|t| t.name == "head.w").unwrap());
        };
        assert_refused(what, &with_graph(STREAMING, change_head), words);
        // The same tensor as an attribute of a node.
        let as_attribute = with_graph(STREAMING, |g| {
            let at = g.initializer.iter().position(|t| t.name == "head.w").unwrap();
            let mut tensor = g.initializer.remove(at);
            change(&mut tensor);
            let mut constant = node("Constant", &[], "head.w");
            constant.attribute.push(AttributeProto {
                name: "value".into(),
                r#type: AttributeType::Tensor as i32,
                t: Some(tensor),
                ..AttributeProto::default()
            });
            g.node.insert(0, constant);
        });
        assert_refused(what, &as_attribute, words);
    }
}

#[test]
fn nodes_must_follow_from_what_came_before() {
    let ghost = with_graph(WINDOW, |g| g.node[0].input[0] = "ghost".into());
    assert_refused("unknown name", &ghost, &["ghost", "nothing before it"]);
    let late = with_graph(WINDOW, |g| g.node.swap(0, 1));
    assert_refused("wrong order", &late, &["mean", "nothing before it"]);
    let own = with_graph(WINDOW, |g| g.node.insert(0, node("Relu", &["circle"], "circle")));
    assert_refused("its own output", &own, &["circle", "nothing before it"]);
    let unknown = with_graph(WINDOW, |g| g.node[1].op_type = "Teleport".into());
    assert_refused("unknown operator", &unknown, &["Teleport"]);
    for perm in [[0, 0, 2], [1, 2, 3], [-1, 0, 1], [0, 1, i64::MAX]] {
        let turned = with_graph(STREAMING, |g| {
            g.node.iter_mut().find(|n| n.op_type == "Transpose").unwrap().attribute[0].ints =
                perm.to_vec();
        });
        assert_refused("perm", &turned, &["perm", "no permutation"]);
    }
    let mut without = proto(WINDOW);
    without.graph = None;
    assert_refused("no graph", &without, &["no graph"]);
}

#[test]
fn operators_without_bounds_are_refused() {
    for op_type in ["Loop", "If", "Scan", "ConstantOfShape", "Expand", "Tile", "Range", "OneHot"] {
        let model = with_graph(WINDOW, |g| g.node.insert(0, node(op_type, &["mel"], "made")));
        assert_refused(op_type, &model, &[op_type, "is not allowed"]);
    }
    let model = with_graph(WINDOW, |g| {
        g.node[1].attribute.push(AttributeProto {
            name: "body".into(),
            g: Some(GraphProto::default()),
            ..AttributeProto::default()
        });
    });
    assert_refused("a graph inside", &model, &["graph of its own"]);
}
