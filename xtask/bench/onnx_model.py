"""An exported model in onnxruntime, as the peers of speed benchmarks run it. Needs onnxruntime."""

import json

import onnxruntime


def open_model(path):
    """The session, on one thread that does not spin, and the settings in the model's metadata."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session, json.loads(session.get_modelmeta().custom_metadata_map["earworm"])
