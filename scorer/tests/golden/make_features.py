# Makes the golden values of the features of whole songs.
#
# Made with: Python 3.11, numpy 2.4.6, scipy 1.17.1, librosa 0.11.0, soundfile 0.14.0,
# pyAudioAnalysis 0.3.14 and pychorus 0.1 (the versions that really made the file stand in
# features.json under "versions").
# To re-make: `pip install numpy==2.4.6 scipy==1.17.1 librosa==0.11.0 soundfile==0.14.0`, then
# `pip install --no-deps pyAudioAnalysis==0.3.14 pychorus==0.1`, and
# `python make_features.py [FOLDER]`, where FOLDER holds the data set's mp3 files
# (`shared/data/emotify/audio`); without it what features.json says of them is kept.
"""Golden values: the seven descriptors, the low-level set, and where pychorus finds a chorus.

Signals are read as float32 at 22 050 Hz: `input_22050.f32` (made by make_golden.py) and
`chords_22050.f32`, which this script makes, whole; of the data set's files the first 60 s. All
values are means over frames by librosa's own functions with their defaults; the entropy of energy
is pyAudioAnalysis' of the same centred frames.
"""

import json
import platform
import sys
import types
import warnings
from importlib.metadata import version
from pathlib import Path

import librosa
import numpy as np
import scipy

# pyAudioAnalysis imports these for its plots and its command line; its formulas need none of them.
for absent in ("matplotlib", "matplotlib.pyplot", "tqdm", "pyAudioAnalysis.utilities"):
    sys.modules.setdefault(absent, types.ModuleType(absent))
sys.modules["matplotlib"].pyplot = sys.modules["matplotlib.pyplot"]
sys.modules["tqdm"].tqdm = iter
from pyAudioAnalysis.ShortTermFeatures import energy_entropy  # noqa: E402
from pychorus import create_chroma, find_chorus  # noqa: E402

HERE = Path(__file__).resolve().parent
RATE = 22050
SECONDS = 60.0  # of each song of the data set
SONGS = ["classical-17", "classical-59", "electronic-14", "electronic-59", "pop-19", "pop-58",
         "rock-13", "rock-65"]
CLIP_SECONDS = 10.0  # pychorus asks for 15 s or more; in a minute of music little is that long


def make_chords():
    """2.5 s of four chords of five partials each, tuned 23 cents high, with a decaying hiss."""
    rng = np.random.default_rng(20240612)
    n = int(2.5 * RATE)
    t = np.arange(n) / RATE
    y = np.zeros(n)
    for k, notes in enumerate([(48, 52, 55), (45, 60, 64), (41, 57, 72), (43, 59, 86)]):
        part = (t >= k * 0.625) & (t < (k + 1) * 0.625)
        since = t - k * 0.625
        for note in notes:
            hz = 440.0 * 2.0 ** ((note + 0.23 - 69) / 12)
            for partial in range(1, 6):
                y += part * np.exp(-2.0 * since) * np.sin(2 * np.pi * hz * partial * t) / partial
        y += part * np.exp(-30.0 * since) * rng.standard_normal(n)
    return (0.1 * y + 1e-4 * rng.standard_normal(n)).astype("<f4")


def descriptors(y):
    """The seven descriptors of the first seed system, in its order."""
    f = librosa.feature
    each = [f.chroma_stft(y=y, sr=RATE), f.rms(y=y), f.spectral_centroid(y=y, sr=RATE),
            f.spectral_bandwidth(y=y, sr=RATE), f.spectral_rolloff(y=y, sr=RATE),
            f.zero_crossing_rate(y), f.mfcc(y=y, sr=RATE)]
    return [float(np.mean(values)) for values in each]


def low_level(y):
    """The low-level set of the second, in the order of `names(FeatureSet::LowLevel)`."""
    f = librosa.feature
    frames = librosa.util.frame(np.pad(y, 1024).astype(np.float64), frame_length=2048,
                                hop_length=512)
    entropy = np.mean([energy_entropy(frame) for frame in frames.T])
    each = [f.mfcc(y=y, sr=RATE, n_mfcc=48), f.chroma_cqt(y=y, sr=RATE),
            f.melspectrogram(y=y, sr=RATE), f.zero_crossing_rate(y), f.tonnetz(y=y, sr=RATE),
            f.spectral_centroid(y=y, sr=RATE), f.spectral_bandwidth(y=y, sr=RATE),
            f.spectral_contrast(y=y, sr=RATE), f.spectral_rolloff(y=y, sr=RATE)]
    return [float(x) for values in each for x in values.mean(axis=1)] + [float(entropy)]


def rounded(values):
    """Eight digits: float32 has fewer."""
    return [float(f"{x:.8g}") for x in values]


def golden_of(name, y):
    """One entry: the signal's name, its length and all values."""
    return {"name": name, "samples": len(y), "descriptors": rounded(descriptors(y)),
            "low_level": rounded(low_level(y))}


def chorus_of(path):
    """Where pychorus finds the file's chorus, in seconds, or None."""
    chroma, _, rate, seconds = create_chroma(str(path))
    return find_chorus(chroma, rate, seconds, CLIP_SECONDS)


def main():
    """Writes chords_22050.f32 and features.json."""
    warnings.filterwarnings("ignore")
    target = HERE / "features.json"
    (HERE / "chords_22050.f32").write_bytes(make_chords().tobytes())
    made = [golden_of(name, np.fromfile(HERE / name, dtype="<f4"))
            for name in ("input_22050.f32", "chords_22050.f32")]
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1])
        songs = [golden_of(f"{name}.mp3", librosa.load(folder / f"{name}.mp3", sr=RATE,
                                                      duration=SECONDS)[0]) for name in SONGS]
        found = {path.name: chorus_of(path) for path in sorted(folder.glob("*.mp3"))[::4]}
        choruses = [{"name": name, "start": round(float(start), 4)}
                    for name, start in found.items() if start is not None]
        choruses = {"clip_seconds": CLIP_SECONDS, "asked": len(found), "found": choruses}
    else:
        before = json.loads(target.read_text())
        songs, choruses = before["songs"], before["choruses"]
    versions = {"python": platform.python_version(), "numpy": np.__version__,
                "scipy": scipy.__version__, "librosa": librosa.__version__,
                "pyAudioAnalysis": version("pyAudioAnalysis"), "pychorus": version("pychorus")}
    golden = {"versions": versions, "seconds": SECONDS, "made": made, "songs": songs,
              "choruses": choruses}
    target.write_text(json.dumps(golden) + "\n")
    print(f"{len(made)} signals, {len(songs)} songs, {len(choruses['found'])} choruses")


if __name__ == "__main__":
    main()
