"""Makes vggish.json: values of one patch as the front end published with VGGish computes it.

The steps are those of mel_features.py and vggish_input.py in tensorflow/models (research/audioset/vggish),
written out in numpy; made again with `pip install numpy; python vggish.py`.
"""

import json
import pathlib

import numpy as np

RATE, WINDOW, HOP, FFT, BANDS, FRAMES = 16000, 400, 160, 512, 64, 96

t = np.arange(FRAMES * HOP + WINDOW) / RATE
signal = 0.4 * np.sin(440 * t * 2 * np.pi) + 0.1 * np.sin((200 + 3000 * t) * t * 2 * np.pi)
signal = signal.astype(np.float32).astype(np.float64)

frames = np.stack([signal[n * HOP : n * HOP + WINDOW] for n in range(FRAMES)])
window = 0.5 - 0.5 * np.cos(2 * np.pi / WINDOW * np.arange(WINDOW))
magnitudes = np.abs(np.fft.rfft(frames * window, FFT))


def hertz_to_mel(hertz):
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)


bins = hertz_to_mel(np.linspace(0.0, RATE / 2, FFT // 2 + 1))
edges = np.linspace(hertz_to_mel(125.0), hertz_to_mel(7500.0), BANDS + 2)
matrix = np.empty((FFT // 2 + 1, BANDS))
for band in range(BANDS):
    low, middle, high = edges[band : band + 3]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    matrix[:, band] = np.maximum(0.0, np.minimum(rising, falling))
matrix[0, :] = 0.0
patch = np.log(magnitudes @ matrix + 0.01)

values = [
    [frame, band, round(float(patch[frame, band]), 6)]
    for frame in range(0, FRAMES, 13)
    for band in range(0, BANDS, 7)
]
(pathlib.Path(__file__).parent / "vggish.json").write_text(json.dumps(values))
