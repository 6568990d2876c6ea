# Makes the golden reference files for the log-mel front end, from two independent implementations.
#
# Made with: Python 3.11, numpy 2.4.6, scipy 1.17.1, librosa 0.11.0, torch 2.8.0 and torchaudio 2.8.0
# (the versions that really made the files stand in golden.json under "versions").
# To re-make: `pip install numpy==2.4.6 scipy==1.17.1 librosa==0.11.0 torch==2.8.0 torchaudio==2.8.0`,
# then `python make_golden.py`. It writes next to itself and asks for nothing. Other versions of these
# libraries should give files that differ by rounding alone.
"""Golden files for the log-mel front end: filter bank, STFT power, mel power and mel decibels.

Each file is raw little-endian float32, row-major, frames (or mel bands) first:

    input_<rate>.f32            [samples]               the signal, exactly as both sides must read it
    <case>.filter_bank.f32      [n_mels, n_fft/2 + 1]
    <case>.stft_power.f32       [frames, n_fft/2 + 1]   |STFT|^2
    <case>.mel_power.f32        [frames, n_mels]        filter bank times STFT power
    <case>.mel_db.f32           [frames, n_mels]        10 log10(max(1e-10, mel power)), no top_db

`golden.json` lists the cases with their settings and shapes. Everywhere: a periodic Hann window as
long as n_fft, no centring and no padding (frame k starts at sample k * hop, and a tail shorter than
n_fft is dropped), power 2.

Both references compute in float64 from the float32 input and only the results are rounded to float32,
so that the reference is the more precise side of a comparison. librosa does so when it is given float64
samples (`stft`) and `dtype=float64` (`filters.mel`); torchaudio when torch's default type is float64 at
the time the transform is built (then its window and its filter bank are float64 as well).
"""

import json
import platform
from pathlib import Path

import librosa
import numpy as np
import scipy
import torch
import torchaudio

HERE = Path(__file__).resolve().parent
SECONDS = 1.2
SILENCE = (0.70, 0.85)  # seconds; long enough to hold whole frames of every case
AMIN = 1e-10

# name, reference, sample_rate, n_fft, hop, n_mels, mel_scale, mel_norm, f_min, f_max
CASES = [
    ("librosa_2048", "librosa", 22050, 2048, 1024, 64, "slaney", "slaney", 30.0, 10000.0),
    ("librosa_400", "librosa", 22050, 400, 200, 64, "slaney", "slaney", 0.0, 11025.0),
    ("librosa_htk", "librosa", 22050, 1024, 512, 40, "htk", "none", 20.0, 8000.0),
    ("torchaudio_400", "torchaudio", 16000, 400, 160, 80, "htk", "none", 0.0, 8000.0),
    ("torchaudio_slaney", "torchaudio", 16000, 512, 256, 64, "slaney", "slaney", 60.0, 7600.0),
]
KEYS = ["name", "reference", "sample_rate", "n_fft", "hop", "n_mels", "mel_scale", "mel_norm",
        "f_min", "f_max"]


def make_input(rate):
    """A signal with something for every part of a front end; float32, the same on every run.

    An exponential chirp from 40 Hz to 10 kHz (or 0.47 of the rate, where that is lower), a tone with
    vibrato, a burst of white noise, a click of one sample, and a stretch of exact digital silence.
    """
    rng = np.random.default_rng(20240611)
    n = int(round(SECONDS * rate))
    t = np.arange(n) / rate
    top = min(10000.0, 0.47 * rate)
    growth = np.log(top / 40.0)
    chirp = 0.3 * np.sin(2 * np.pi * 40.0 * SECONDS / growth * (np.exp(growth * t / SECONDS) - 1.0))
    vibrato = 0.2 * np.sin(2 * np.pi * 440.0 * t + 3.0 * np.sin(2 * np.pi * 5.5 * t))
    burst = 0.05 * rng.standard_normal(n) * ((t >= 0.30) & (t < 0.50))
    y = chirp + vibrato + burst
    y[int(0.60 * rate)] += 0.4
    y[int(SILENCE[0] * rate):int(SILENCE[1] * rate)] = 0.0
    assert np.abs(y).max() < 1.0
    return y.astype("<f4")


def librosa_stages(y, case):
    """The four stages by librosa, in float64."""
    y = y.astype(np.float64)
    bank = librosa.filters.mel(
        sr=case["sample_rate"], n_fft=case["n_fft"], n_mels=case["n_mels"],
        fmin=case["f_min"], fmax=case["f_max"], htk=case["mel_scale"] == "htk",
        norm=None if case["mel_norm"] == "none" else case["mel_norm"], dtype=np.float64)
    stft = librosa.stft(
        y, n_fft=case["n_fft"], hop_length=case["hop"], win_length=case["n_fft"],
        window="hann", center=False)
    power = np.abs(stft) ** 2  # [bins, frames]
    mel = bank @ power
    db = librosa.power_to_db(mel, ref=1.0, amin=AMIN, top_db=None)
    return {"filter_bank": bank, "stft_power": power.T, "mel_power": mel.T, "mel_db": db.T}


def torchaudio_stages(y, case):
    """The four stages by torchaudio.transforms.MelSpectrogram, in float64."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        transform = torchaudio.transforms.MelSpectrogram(
            sample_rate=case["sample_rate"], n_fft=case["n_fft"], win_length=case["n_fft"],
            hop_length=case["hop"], f_min=case["f_min"], f_max=case["f_max"],
            n_mels=case["n_mels"], power=2.0, center=False,
            norm=None if case["mel_norm"] == "none" else case["mel_norm"],
            mel_scale=case["mel_scale"])
        samples = torch.from_numpy(y.astype(np.float64))
        power = transform.spectrogram(samples)  # [bins, frames]
        mel = transform(samples)
        db = torchaudio.functional.amplitude_to_DB(
            mel, multiplier=10.0, amin=AMIN, db_multiplier=0.0, top_db=None)
        bank = transform.mel_scale.fb  # [bins, mels]
    finally:
        torch.set_default_dtype(before)
    assert mel.dtype == bank.dtype == torch.float64
    return {"filter_bank": bank.T.numpy(), "stft_power": power.T.numpy(),
            "mel_power": mel.T.numpy(), "mel_db": db.T.numpy()}


def check(case, stages):
    """What every case must hold, whichever library made it."""
    frames = 1 + (int(round(SECONDS * case["sample_rate"])) - case["n_fft"]) // case["hop"]
    bins = case["n_fft"] // 2 + 1
    assert stages["filter_bank"].shape == (case["n_mels"], bins)
    assert (stages["filter_bank"].max(axis=1) > 0.0).all(), "a band without a bin"
    assert stages["stft_power"].shape == (frames, bins)
    assert stages["mel_power"].shape == stages["mel_db"].shape == (frames, case["n_mels"])
    assert all(np.isfinite(stage).all() for stage in stages.values())
    silent = (stages["mel_power"] == 0.0).all(axis=1)
    assert silent.any(), "no wholly silent frame"
    assert (stages["mel_db"][silent] == -100.0).all()


def write_case(case, y):
    """Computes, checks and writes one case; returns its entry for golden.json."""
    make = {"librosa": librosa_stages, "torchaudio": torchaudio_stages}[case["reference"]]
    stages = make(y, case)
    check(case, stages)
    entry = dict(case, stages={})
    for stage, values in stages.items():
        name = f"{case['name']}.{stage}.f32"
        (HERE / name).write_bytes(np.ascontiguousarray(values, dtype="<f4").tobytes())
        entry["stages"][stage] = {"file": name, "shape": list(values.shape)}
    return entry


def main():
    """Writes the inputs, every case, and golden.json."""
    entries = []
    inputs = {}
    for values in CASES:
        case = dict(zip(KEYS, values))
        rate = case["sample_rate"]
        if rate not in inputs:
            inputs[rate] = make_input(rate)
            (HERE / f"input_{rate}.f32").write_bytes(inputs[rate].tobytes())
        case["input"] = f"input_{rate}.f32"
        case["input_samples"] = len(inputs[rate])
        entries.append(write_case(case, inputs[rate]))
    golden = {
        "versions": {
            "python": platform.python_version(), "numpy": np.__version__,
            "scipy": scipy.__version__, "librosa": librosa.__version__,
            "torch": torch.__version__.split("+")[0],
            "torchaudio": torchaudio.__version__.split("+")[0]},
        "window": "hann, periodic", "center": False, "power": 2, "amin": AMIN, "top_db": None,
        "cases": entries}
    (HERE / "golden.json").write_text(json.dumps(golden, indent=2) + "\n")
    total = sum(p.stat().st_size for p in HERE.iterdir() if p.suffix in (".f32", ".json"))
    assert total < 3_000_000, total
    print(f"{len(entries)} cases, {total} bytes")


if __name__ == "__main__":
    main()
