"""Times what the features' benchmark times, done by librosa, torchaudio and pychorus on one thread.

    python features_peer.py FILE…

Prints one line of JSON: seconds for 30 s of sound of mel decibels (2048/512/128) and of the seven
descriptors, and for a file of finding its chorus, from decoding on. Each is the shortest of some
rounds, over the first four files. The seven descriptors are seven calls with their defaults, as the
system they come from made them. Needs librosa, torchaudio and pychorus.
"""

import os

for pool in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[pool] = "1"

import contextlib  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import warnings  # noqa: E402

import librosa  # noqa: E402
import torch  # noqa: E402
import torchaudio  # noqa: E402
from pychorus import create_chroma, find_chorus  # noqa: E402

RATE = 22050
SOUND = 30
TIMED = 4
CLIP_SECONDS = 10.0


def shortest(rounds, work):
    """Seconds of the quickest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def mel_by_librosa(y):
    """As most programs call it."""
    librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=RATE, n_fft=2048, hop_length=512,
                                                       n_mels=128))


def descriptors(y):
    """The seven, each from the samples."""
    feature = librosa.feature
    feature.chroma_stft(y=y, sr=RATE).mean()
    feature.rms(y=y).mean()
    feature.spectral_centroid(y=y, sr=RATE).mean()
    feature.spectral_bandwidth(y=y, sr=RATE).mean()
    feature.spectral_rolloff(y=y, sr=RATE).mean()
    feature.zero_crossing_rate(y).mean()
    feature.mfcc(y=y, sr=RATE).mean()


def chorus(path):
    """pychorus as it is called, from a file."""
    chroma, _, rate, seconds = create_chroma(path)
    with contextlib.redirect_stdout(io.StringIO()):
        find_chorus(chroma, rate, seconds, CLIP_SECONDS)


def main():
    """Times the files named on the command line."""
    if len(sys.argv) < 2:
        raise SystemExit("usage: python features_peer.py FILE...")
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    files = sys.argv[1:][:TIMED]
    sounds = [librosa.load(path, sr=RATE, duration=SOUND)[0] for path in files]
    a_sound = SOUND * RATE / sum(len(y) for y in sounds)
    tensors = [torch.from_numpy(y) for y in sounds]
    mel = torch.nn.Sequential(
        torchaudio.transforms.MelSpectrogram(RATE, n_fft=2048, hop_length=512, n_mels=128,
                                             norm="slaney", mel_scale="slaney"),
        torchaudio.transforms.AmplitudeToDB(top_db=80))
    with torch.inference_mode():
        mel_torchaudio = shortest(8, lambda: [mel(y) for y in tensors])
    times = {
        "mel_db_librosa": shortest(5, lambda: [mel_by_librosa(y) for y in sounds]) * a_sound,
        "mel_db_torchaudio": mel_torchaudio * a_sound,
        "descriptors": shortest(3, lambda: [descriptors(y) for y in sounds]) * a_sound,
        "chorus_of_a_file": shortest(3, lambda: [chorus(p) for p in files]) / len(files),
    }
    print(json.dumps(times))


if __name__ == "__main__":
    main()
