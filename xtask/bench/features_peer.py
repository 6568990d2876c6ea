"""Times what the features' benchmark times, done by librosa, torchaudio, essentia and pychorus on one thread.

    python features_peer.py [--rounds WORK=COUNT,…] FILE…

Prints one line of JSON: for each peer and work the seconds on one thread, for a file (decode, song,
chorus) or for 30 s of sound (the rest), the shortest of some rounds (5 unless said otherwise) over the first
four files, and numbers from the result that show that the same was done. Calls are those that the libraries' guides
show, with their defaults where Earworm's settings leave a choice. Essentia runs frame by frame, as its guides
have it. Needs librosa, torchaudio, essentia and pychorus.
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

import essentia  # noqa: E402

essentia.log.infoActive = essentia.log.warningActive = False

import essentia.standard as es  # noqa: E402
import librosa  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torchaudio  # noqa: E402
from pychorus import create_chroma, find_chorus  # noqa: E402

RATE = 22050
# The rate that sounds are taken to have when they are resampled, as most files have it.
FROM = 44100
SOUND = 30
TIMED = 4
# Files in which the place of the chorus is compared: few have one that all find.
COMPARED = 16
ROUNDS = 5
CLIP_SECONDS = 10.0
FFT, HOP, MELS = 2048, 512, 128


def shortest(rounds, work):
    """Seconds of the quickest round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def rms(sounds):
    """Of all samples together."""
    return [float(np.sqrt(sum(np.square(y, dtype=np.float64).sum() for y in sounds)
                          / sum(y.size for y in sounds)))]


# ---- librosa -----------------------------------------------------------------------------------


def librosa_decode(path):
    return librosa.load(path, sr=None)


def librosa_mel(y):
    return librosa.power_to_db(librosa.feature.melspectrogram(
        y=y, sr=RATE, n_fft=FFT, hop_length=HOP, n_mels=MELS))


def librosa_descriptors(y):
    """The seven, each from the samples, as the system they come from made them."""
    feature = librosa.feature
    feature.chroma_stft(y=y, sr=RATE).mean()
    feature.rms(y=y).mean()
    feature.spectral_bandwidth(y=y, sr=RATE).mean()
    feature.spectral_rolloff(y=y, sr=RATE).mean()
    feature.zero_crossing_rate(y).mean()
    feature.mfcc(y=y, sr=RATE).mean()
    return feature.spectral_centroid(y=y, sr=RATE).mean()


def energy_entropy(y, parts=10):
    """Mean entropy of the energies of ten parts of a frame, which librosa has no function for."""
    frames = librosa.util.frame(np.pad(y, FFT // 2), frame_length=FFT, hop_length=HOP)
    length = FFT // parts
    energy = np.square(frames[:length * parts]).reshape(parts, length, -1).sum(axis=1)
    share = energy / (np.square(frames).sum(axis=0) + 1e-8)
    return -(share * np.log2(share + 1e-8)).sum(axis=0).mean()


def librosa_low_level(y):
    feature = librosa.feature
    for values in (feature.mfcc(y=y, sr=RATE, n_mfcc=48), feature.chroma_cqt(y=y, sr=RATE),
                   feature.melspectrogram(y=y, sr=RATE), feature.zero_crossing_rate(y),
                   feature.tonnetz(y=y, sr=RATE), feature.spectral_bandwidth(y=y, sr=RATE),
                   feature.spectral_contrast(y=y, sr=RATE), feature.spectral_rolloff(y=y, sr=RATE)):
        values.mean(axis=1)
    energy_entropy(y)
    return feature.spectral_centroid(y=y, sr=RATE).mean()


def librosa_song(path):
    """What a data set keeps of a song, from its file on."""
    y = librosa.load(path, sr=RATE)[0]
    librosa_low_level(y)
    return librosa_descriptors(y)


# ---- torchaudio --------------------------------------------------------------------------------

torch_mel = torch.nn.Sequential(
    torchaudio.transforms.MelSpectrogram(RATE, n_fft=FFT, hop_length=HOP, n_mels=MELS, norm="slaney",
                                         mel_scale="slaney"),
    torchaudio.transforms.AmplitudeToDB(top_db=80))


# ---- essentia ----------------------------------------------------------------------------------


def essentia_decode(path):
    sound, rate, channels = es.AudioLoader(filename=path)()[:3]
    return sound[:, :channels].mean(axis=1), rate


essentia_window = es.Windowing(type="hann", normalized=False, zeroPhase=False)
essentia_spectrum = es.Spectrum(size=FFT)
essentia_bands = es.MelBands(inputSize=FFT // 2 + 1, numberBands=MELS, sampleRate=RATE,
                             highFrequencyBound=RATE / 2, warpingFormula="slaneyMel",
                             normalize="unit_tri", weighting="linear", type="power", log=False)
essentia_mfcc = es.MFCC(inputSize=FFT // 2 + 1, sampleRate=RATE, numberBands=MELS,
                        numberCoefficients=48, highFrequencyBound=RATE / 2)
essentia_crossings, essentia_entropy = es.ZeroCrossingRate(), es.Entropy()
essentia_peaks = es.SpectralPeaks(sampleRate=RATE, maxFrequency=RATE / 2 - 1)
essentia_chroma = es.HPCP(sampleRate=RATE)
essentia_centroid, essentia_moments = es.Centroid(range=RATE / 2), es.CentralMoments(range=RATE / 2)
essentia_shape = es.DistributionShape()
essentia_contrast = es.SpectralContrast(frameSize=FFT, sampleRate=RATE, highFrequencyBound=RATE / 2 - 1)
essentia_rolloff = es.RollOff(sampleRate=RATE)


def essentia_frames(y):
    """Frames as librosa cuts them."""
    return es.FrameGenerator(y, frameSize=FFT, hopSize=HOP)


def essentia_mel(y):
    bands = [essentia_bands(essentia_spectrum(essentia_window(frame))) for frame in essentia_frames(y)]
    decibels = 10 * np.log10(np.maximum(np.array(bands), 1e-10))
    return np.maximum(decibels, decibels.max() - 80)


def essentia_low_level(y):
    """The set without tonal centroids, which it lacks; chroma from spectral peaks, entropy of spectra."""
    values = []
    for frame in essentia_frames(y):
        spectrum = essentia_spectrum(essentia_window(frame))
        values.append(np.concatenate([
            essentia_mfcc(spectrum)[1],
            essentia_bands(spectrum),
            essentia_chroma(*essentia_peaks(spectrum)),
            essentia_contrast(spectrum)[0],
            [essentia_crossings(frame), essentia_shape(essentia_moments(spectrum))[0],
             essentia_entropy(spectrum), essentia_rolloff(spectrum), essentia_centroid(spectrum)],
        ]))
    return np.mean(values, axis=0)[-1]


# ---- pychorus ----------------------------------------------------------------------------------


def chorus(path):
    """pychorus as it is called, from a file: where the chorus starts, in seconds, or None."""
    chroma, _, rate, seconds = create_chroma(path)
    with contextlib.redirect_stdout(io.StringIO()):
        start = find_chorus(chroma, rate, seconds, CLIP_SECONDS)
    return None if start is None else float(start)


def arguments():
    """How many rounds each work has, and the files."""
    given, rounds = sys.argv[1:], {}
    if given[:1] == ["--rounds"] and len(given) > 1:
        rounds = {work: int(count) for work, count in (each.split("=") for each in given[1].split(","))}
        given = given[2:]
    if not given:
        raise SystemExit("usage: python features_peer.py [--rounds WORK=COUNT,...] FILE...")
    return rounds, given


def main():
    """Times the files named on the command line."""
    rounds, given = arguments()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    files = given[:TIMED]
    decoded = [librosa_decode(path) for path in files]
    sounds = [librosa.resample(y, orig_sr=rate, target_sr=RATE)[:SOUND * RATE] for y, rate in decoded]
    sounds = [np.ascontiguousarray(y, dtype=np.float32) for y in sounds]
    samples = sum(len(y) for y in sounds)
    a_file, a_sound, a_faster_sound = 1 / len(files), SOUND * RATE / samples, SOUND * FROM / samples
    starts = [torch.from_numpy(y) for y in sounds]

    def mean(work, items=sounds):
        return [float(np.mean([np.mean(np.asarray(work(item), dtype=np.float64)) for item in items]))]

    def timed(name, work, items, share):
        return shortest(rounds.get(name, ROUNDS), lambda: [work(item) for item in items]) * share

    def torch_resample(y):
        return torchaudio.functional.resample(y, FROM, RATE)

    def essentia_resample(y):
        return es.Resample(inputSampleRate=FROM, outputSampleRate=RATE)(y)

    def librosa_resample(y):
        return librosa.resample(y, orig_sr=FROM, target_sr=RATE)

    def works(*each):
        return {name: (timed(name, work, items, share), result()) for name, work, items, share, result in each}

    with torch.inference_mode():
        found = {
            "librosa": works(
                ("decode", librosa_decode, files, a_file, lambda: rms([y for y, _ in decoded])),
                ("resample", librosa_resample, sounds, a_faster_sound,
                 lambda: rms([librosa_resample(y) for y in sounds])),
                ("mel_db", librosa_mel, sounds, a_sound, lambda: mean(librosa_mel)),
                ("descriptors", librosa_descriptors, sounds, a_sound, lambda: mean(librosa_descriptors)),
                ("low_level", librosa_low_level, sounds, a_sound, lambda: mean(librosa_low_level)),
                ("song", librosa_song, files, a_file, lambda: mean(librosa_song, files)),
            ),
            "torchaudio": works(
                ("resample", torch_resample, starts, a_faster_sound,
                 lambda: rms([torch_resample(y).numpy() for y in starts])),
                ("mel_db", torch_mel, starts, a_sound, lambda: mean(torch_mel, starts)),
            ),
            "essentia": works(
                ("decode", essentia_decode, files, a_file,
                 lambda: rms([essentia_decode(path)[0] for path in files])),
                ("resample", essentia_resample, sounds, a_faster_sound,
                 lambda: rms([essentia_resample(y) for y in sounds])),
                ("mel_db", essentia_mel, sounds, a_sound, lambda: mean(essentia_mel)),
                ("low_level", essentia_low_level, sounds, a_sound, lambda: mean(essentia_low_level)),
            ),
            "pychorus": works(
                ("chorus", chorus, files, a_file, lambda: [chorus(path) for path in given[:COMPARED]]),
            ),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
