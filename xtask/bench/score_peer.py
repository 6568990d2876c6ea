"""Scores one audio file with an exported model, as one would in Python: the peer of a speed benchmark.

    python score_peer.py MODEL.onnx FILE

Decode and resample by librosa, log-mel by librosa, level normalisation by numpy, the network by onnxruntime
on one thread over all windows as one batch; prints {"file": ..., "score": 0 to 100}. Every run is a cold
start: one process, one file. The front end's settings, the class that is the score and its calibration come
from the model's metadata.

It does what the scorer does with a file: silent frames are left out; every window starts from states of
zeros and a level of its own, a quarter of a window after the one before; a tail shorter than a window is
left out; the score is that of the windows' mean output. Needs librosa, numpy, onnxruntime and soundfile.
"""

import json
import sys

import librosa
import numpy as np

from onnx_model import open_model

# As many windows are under way at a time as the scorer has lanes.
LANES = 4


def mel_and_level(path, front_end):
    """Mel power of the file [frames, n_mels], and the mean square of each frame between f_min and f_max."""
    y, rate = librosa.load(path, sr=front_end["sample_rate"], mono=True)
    n_fft, norm = front_end["n_fft"], front_end["mel_norm"]
    spectra = librosa.stft(y, n_fft=n_fft, hop_length=front_end["hop"], center=False)
    power = np.square(spectra.real) + np.square(spectra.imag)
    mel = librosa.feature.melspectrogram(
        S=power, sr=rate, n_fft=n_fft, n_mels=front_end["n_mels"], fmin=front_end["f_min"],
        fmax=front_end["f_max"], htk=front_end["mel_scale"] == "htk", norm=None if norm == "none" else norm)
    first = max(1, int(np.ceil(front_end["f_min"] * n_fft / rate)))
    last = min(n_fft // 2, int(np.floor(front_end["f_max"] * n_fft / rate)))
    weight = np.square(librosa.filters.get_window("hann", n_fft)).sum()
    level = power[first:last + 1].sum(axis=0, dtype=np.float64) * 2.0 / (n_fft * weight)
    return mel.T, level


def windows(mel, level, front_end, length):
    """What the model hears of every whole window: [windows, length, n_mels]."""
    settings = front_end["level"]
    audible = level >= 10.0 ** (settings["gate_db"] / 10.0)
    db = 10.0 * np.log10(np.maximum(front_end["amin"], mel[audible]))
    level = level[audible]
    if len(db) < length:
        raise SystemExit(f"too short: {len(db)} audible frames, one window is {length}")
    cut = np.lib.stride_tricks.sliding_window_view
    heard = cut(db, length, axis=0)[:: length // LANES].transpose(0, 2, 1)
    if settings["kind"] == "running_mean":
        # Causal, so that a live stream can do the same.
        so_far = cut(level, length)[:: length // LANES].cumsum(axis=1) / np.arange(1, length + 1)
        heard = heard - (10.0 * np.log10(so_far)).astype(np.float32)[:, :, None]
    return np.maximum(heard, np.float32(-settings["floor_db"]))


def run(session, windows):
    """The model's first output for each window, with states of zeros: [windows, classes]."""
    batch = len(windows)
    feed = {}
    for tensor in session.get_inputs():
        if tensor.name == "mel":
            feed["mel"] = windows
        else:
            shape = [size if isinstance(size, int) else batch for size in tensor.shape]
            feed[tensor.name] = np.zeros(shape, np.float32)
    first = session.get_outputs()[0].name
    return session.run([first], feed)[0].reshape(batch, -1)


def score(raw, settings):
    """The score, 0 to 100, that a row of raw outputs stands for."""
    calibration = settings["calibration"]
    if calibration["kind"] != "platt" or settings["task"] == "multiclass":
        raise SystemExit(f"only Platt's calibration is known here, not {calibration['kind']}")
    evidence = raw[[each["name"] for each in settings["classes"]].index(settings["score_class"])]
    return 100.0 / (1.0 + np.exp(-(calibration["slope"] * evidence + calibration["intercept"])))


def main():
    """Scores the file named on the command line."""
    if len(sys.argv) != 3:
        raise SystemExit("usage: python score_peer.py MODEL.onnx FILE")
    session, settings = open_model(sys.argv[1])
    mel, level = mel_and_level(sys.argv[2], settings["front_end"])
    raw = run(session, windows(mel, level, settings["front_end"], settings["window_frames"]))
    print(json.dumps({"file": sys.argv[2], "score": float(score(raw.mean(axis=0), settings))}))


if __name__ == "__main__":
    main()
