"""Checks an Earworm model with ONNX's own checker and runs it with onnxruntime.

    python check_onnx.py MODEL.onnx FOLDER BATCH FRAMES CHUNK

FOLDER/mel.f32 holds the input, [batch, frames, bands]; all files are raw little-endian float32,
row-major. Written there:

    whole.f32     [batch, classes]           the output for all frames at once
    chunked.f32   [chunks, batch, classes]   the outputs after each chunk, states carried from one to
                                             the next

Prints one JSON object: whether the checker passed, what the model is, and how far the output after
the last chunk is from that for all frames at once. Needs numpy, onnx and onnxruntime.
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime


def open_session(path):
    """A session on one thread, so that sums have one order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def zero_states(session, batch):
    """The state inputs by name; their one free axis is the batch."""
    states = {}
    for tensor in session.get_inputs()[1:]:
        shape = [size if isinstance(size, int) else batch for size in tensor.shape]
        states[tensor.name] = np.zeros(shape, np.float32)
    return states


def run(session, mel, chunk):
    """The outputs after each chunk of frames, [chunks, batch, classes]."""
    states = zero_states(session, len(mel))
    name = session.get_inputs()[0].name
    outputs = []
    for start in range(0, mel.shape[1], chunk):
        score, *after = session.run(None, {name: mel[:, start : start + chunk], **states})
        outputs.append(score)
        # Outputs state.<n>.out stand in the order of the inputs state.<n>.in.
        states = dict(zip(states, after, strict=True))
    return np.stack(outputs)


def main():
    """Checks and runs what the command line names."""
    if len(sys.argv) != 6:
        raise SystemExit("usage: python check_onnx.py MODEL.onnx FOLDER BATCH FRAMES CHUNK")
    path, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    batch, frames, chunk = map(int, sys.argv[3:])
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    mel = np.fromfile(folder / "mel.f32", "<f4").reshape(batch, frames, -1)
    session = open_session(path)
    whole = run(session, mel, frames)[0]
    chunked = run(session, mel, chunk)
    whole.astype("<f4").tofile(folder / "whole.f32")
    chunked.astype("<f4").tofile(folder / "chunked.f32")
    print(json.dumps({
        "checked": True,
        "ir_version": model.ir_version,
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "inputs": {tensor.name: tensor.shape for tensor in session.get_inputs()},
        "outputs": {tensor.name: tensor.shape for tensor in session.get_outputs()},
        "largest_difference": float(np.abs(chunked[-1] - whole).max()),
    }))


if __name__ == "__main__":
    main()
