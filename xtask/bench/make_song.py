"""Makes the song that the file benchmark scores: an audio file, looped to a length, as an mp3.

    python make_song.py IN SECONDS OUT.mp3

Needs numpy and soundfile.
"""

import sys

import numpy as np
import soundfile


def main():
    """Writes the file named last on the command line."""
    if len(sys.argv) != 4:
        raise SystemExit("usage: python make_song.py IN SECONDS OUT.mp3")
    samples, rate = soundfile.read(sys.argv[1], dtype="float32", always_2d=True)
    wanted = int(sys.argv[2]) * rate
    looped = np.tile(samples, (-(-wanted // len(samples)), 1))[:wanted]
    soundfile.write(sys.argv[3], looped, rate, format="MP3", subtype="MPEG_LAYER_III")


if __name__ == "__main__":
    main()
