"""Runs audio through the VST3 bundle in pedalboard (JUCE's VST3 host) and prints what was found as JSON.

    vst3_host.py BUNDLE SONG.f32 RATE

SONG.f32 holds the left channel and then the right one as little-endian floats.
"""

import json
import re
import sys
import threading
import time

import numpy as np
from pedalboard import VST3Plugin


def same(a, b):
    return a.shape == b.shape and a.astype("<f4").tobytes() == b.astype("<f4").tobytes()


def state(plugin):
    """The JSON that the plugin saved, out of JUCE's wrapping of it."""
    raw = bytes(plugin.raw_state)
    start = raw.find(b'{"version"')
    if start >= 0:
        return json.JSONDecoder().raw_decode(raw[start:].decode("utf-8", "replace"))[0]
    # JUCE keeps the component's state as base64 of its own kind inside XML.
    found = re.search(rb"<IComponent>([^<]*)</IComponent>", raw)
    if not found:
        return None
    size, _, text = found.group(1).decode().partition(".")
    return json.loads(juce_base64(int(size), text))


def juce_base64(size, text):
    """JUCE's MemoryBlock::toBase64Encoding: six bits a letter, lowest first."""
    alphabet = ".ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+"
    bits, count, out = 0, 0, bytearray()
    for letter in text:
        bits |= alphabet.index(letter) << count
        count += 6
        while count >= 8 and len(out) < size:
            out.append(bits & 255)
            bits >>= 8
            count -= 8
    return bytes(out)


def settle(plugin):
    """Waits until the worker has scored what this host handed over last: it never deactivates."""
    last = None
    for _ in range(120):
        score = state(plugin)["params"]["score"]["f32"]
        if score == last:
            return
        last = score
        time.sleep(0.5)
    raise TimeoutError("the score goes on changing")


def main():
    bundle, song, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])
    audio = np.fromfile(song, "<f4").reshape(2, -1)
    plugin = VST3Plugin(bundle)
    found = {"name": plugin.name, "parameters": sorted(plugin.parameters.keys())}

    rng = np.random.default_rng(7)
    exact = True
    for each in (22050, 44100, 48000, 88200, 96000, 192000):
        for block in (1, 32, 333, 512, 2048, 8192):
            for channels in (1, 2):
                frames = 64 if block == 1 else each // 8
                sound = rng.standard_normal((channels, frames)).astype("f4")
                sound[0, ::97] = [np.nan, np.inf, -np.inf, 1e-42, -0.0][block % 5]
                exact &= same(plugin.process(sound, each, buffer_size=block, reset=True), sound)
    found["exact"] = bool(exact)

    fresh = VST3Plugin(bundle)
    before = bytes(fresh.raw_state)
    found["state_is_deterministic"] = before == bytes(fresh.raw_state)
    fresh.write_score = True
    out = fresh.process(audio, rate, buffer_size=4096, reset=True)
    found["song_exact"] = same(out, audio)
    settle(fresh)
    saved = bytes(fresh.raw_state)
    read = state(fresh)
    found["score"] = read["params"]["score"]["f32"] if read else None
    found["write"] = read["params"]["write"]["bool"] if read else None

    other = VST3Plugin(bundle)
    other.raw_state = saved
    found["state_comes_back"] = bool(other.write_score) and state(other) == read

    outs = [None, None]

    def play(index):
        outs[index] = instances[index].process(audio, rate, buffer_size=[512, 3000][index], reset=True)

    instances = [VST3Plugin(bundle), VST3Plugin(bundle)]
    threads = [threading.Thread(target=play, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found["threads_exact"] = all(same(out, audio) for out in outs)
    print(json.dumps(found))


main()
