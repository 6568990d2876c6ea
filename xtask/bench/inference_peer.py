"""Times a streaming model in onnxruntime, in the shapes that the scorer's benchmark runs it in.

    python inference_peer.py MODEL.onnx

One thread that does not spin; states go from call to call. Prints one line of JSON: for each number of lanes
and of frames a call, the least and the median of microseconds a frame, and what the second call from a fresh
start gave. Needs numpy and onnxruntime.
"""

import json
import sys
import time

import numpy as np

from onnx_model import open_model

SPAN = 0.4


def values(count):
    """Decibels as loud music has them, from the generator that the scorer's benchmark has too."""
    state, out = 1, np.empty(count, np.float32)
    for at in range(count):
        state = (state * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        out[at] = np.float32(state >> 8) / np.float32(1 << 24) * np.float32(40.0) - np.float32(30.0)
    return out


class Run:
    """A batch of lanes, each with its state."""

    def __init__(self, session, lanes):
        self.session = session
        self.inputs = [tensor.name for tensor in session.get_inputs()]
        self.states = {
            tensor.name: np.zeros([n if isinstance(n, int) else lanes for n in tensor.shape], np.float32)
            for tensor in session.get_inputs()[1:]
        }

    def call(self, mel):
        """Takes frames; gives the first output."""
        outputs = self.session.run(None, {self.inputs[0]: mel, **self.states})
        self.states = dict(zip(self.inputs[1:], outputs[1:], strict=True))
        return outputs[0]


def per_frame(frames, call):
    """Microseconds a frame: the least and the median of many calls."""
    for _ in range(3):
        call()
    times, started = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - started < SPAN:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e6 / frames)
    times.sort()
    return {"least": times[0], "median": times[len(times) // 2]}


def main():
    """Times the model named on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python inference_peer.py MODEL.onnx")
    session, settings = open_model(sys.argv[1])
    bands, whole = settings["front_end"]["n_mels"], settings["window_frames"]
    shapes = []
    for lanes in (1, 4):
        for frames in (1, 2, 4, 16, whole):
            mel = values(lanes * frames * bands).reshape(lanes, frames, bands)
            fresh = Run(session, lanes)
            fresh.call(mel)
            outputs = fresh.call(mel).reshape(-1).tolist()
            run = Run(session, lanes)
            us = per_frame(frames, lambda run=run, mel=mel: run.call(mel))
            shapes.append({"lanes": lanes, "frames": frames, "us": us, "outputs": outputs})
    print(json.dumps({"shapes": shapes}))


if __name__ == "__main__":
    main()
