"""Makes a model that works until it is loud, and then fails: an index leaves its table.

Usage: failing_model.py MODEL OUT
MODEL is one of the scorer's tiny models.
"""

import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

source, out = sys.argv[1:]
model = onnx.load(source)
graph = model.graph
frames, score = graph.input[0].name, graph.output[0].name
for node in graph.node:
    for i, name in enumerate(node.output):
        if name == score:
            node.output[i] = "sound_score"
constants = {
    "quiet": np.array(0.5, np.float32),
    "far": np.array(1000.0, np.float32),
    "table": np.zeros(4, np.float32),
}
graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
graph.node.extend([
    helper.make_node("ReduceMax", [frames], ["loudest"], keepdims=0),
    helper.make_node("Greater", ["loudest", "quiet"], ["is_loud"]),
    helper.make_node("Cast", ["is_loud"], ["loud"], to=onnx.TensorProto.FLOAT),
    helper.make_node("Mul", ["loud", "far"], ["place"]),
    helper.make_node("Cast", ["place"], ["index"], to=onnx.TensorProto.INT64),
    helper.make_node("Gather", ["table", "index"], ["nothing"]),
    helper.make_node("Add", ["sound_score", "nothing"], [score]),
])
onnx.save(model, out)
