"""Scores one audio file with an exported model, as one would in Python: the peer of a speed benchmark.

    python score_peer.py MODEL.onnx FILE

Decode, resample, log-mel by librosa, level normalisation by numpy, the network by onnxruntime on one
thread over all windows as one batch; prints {"file": ..., "score_logits": [one a window]}. Every run is
a cold start: one process, one file. The front end's settings come from the model's metadata.

The level normalisation is close to the scorer's, not the same: this measures time, not agreement.
Windows are independent here (zero states), a quarter of a window apart; a tail shorter than a window is
left out. Needs librosa, numpy, onnxruntime and soundfile.
"""

import json
import sys

import librosa
import numpy as np

from onnx_model import open_model

AMIN = 1e-10


def mel_power(path, front_end):
    """Mel power of the file, [frames, n_mels]."""
    y, rate = librosa.load(path, sr=front_end["sample_rate"], mono=True)
    norm = front_end["mel_norm"]
    return librosa.feature.melspectrogram(
        y=y, sr=rate, n_fft=front_end["n_fft"], hop_length=front_end["hop"], center=False, power=2.0,
        n_mels=front_end["n_mels"], fmin=front_end["f_min"], fmax=front_end["f_max"],
        htk=front_end["mel_scale"] == "htk", norm=None if norm == "none" else norm).T


def levelled_db(power):
    """Decibels, less the level of the mean power so far (causal, so a live stream could do the same)."""
    so_far = np.cumsum(power.mean(axis=1), dtype=np.float64) / np.arange(1, len(power) + 1)
    level = 10.0 * np.log10(np.maximum(AMIN, so_far))
    db = 10.0 * np.log10(np.maximum(AMIN, power))
    return db - level[:, None].astype(np.float32)


def whole_windows(db, length):
    """Every whole window, a quarter of its length apart: [windows, length, n_mels]."""
    if len(db) < length:
        raise SystemExit(f"too short: {len(db)} frames, one window is {length}")
    views = np.lib.stride_tricks.sliding_window_view(db, length, axis=0)[:: max(1, length // 4)]
    return np.ascontiguousarray(views.transpose(0, 2, 1))


def run(session, windows):
    """The logit of each window: the last value of the model's first output, with states of zeros."""
    batch = len(windows)
    feed = {}
    for tensor in session.get_inputs():
        if tensor.name == "mel":
            feed["mel"] = windows
        else:
            shape = [size if isinstance(size, int) else batch for size in tensor.shape]
            feed[tensor.name] = np.zeros(shape, np.float32)
    first = session.get_outputs()[0].name
    return session.run([first], feed)[0].reshape(batch, -1)[:, -1]


def main():
    """Scores the file named on the command line."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: python score_peer.py MODEL.onnx FILE")
    session, settings = open_model(sys.argv[1])
    db = levelled_db(mel_power(sys.argv[2], settings["front_end"]))
    logits = run(session, whole_windows(db, settings["window_frames"]))
    print(json.dumps({"file": sys.argv[2], "score_logits": [round(float(x), 6) for x in logits]}))


if __name__ == "__main__":
    main()
