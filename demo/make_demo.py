"""Composes and synthesises the demo song: an original instrumental, 64 seconds, 44.1 kHz stereo.

    python make_demo.py OUT.wav

To the extent possible under law, the authors have waived all copyright and related rights to this file
and to the music it makes (CC0 1.0). Needs numpy and nothing else; the same numpy gives the same file.

The piece is in A minor / C major at 112 beats a minute, 30 bars of 4/4:

    intro 4 bars    a music box hints at the hook over pads, the low-pass filter opens
    verse 4 bars    ii-vi-IV-V, half-time drums, a soft melody
    chorus 8 bars   vi-IV-I-V, everything plays, the lead has the hook
    verse 4 bars    as before, with a fuller beat
    chorus 8 bars   as before, the hook doubled in octaves
    outro 2 bars    IV-I, drums out, fade

Sound: oscillators read single-cycle tables that are summed from harmonics up to 16 kHz, so nothing
aliases; a low-pass is the weight of each harmonic, and a note's filter envelope fades from a bright
table to a dark one. Pads, plucks and bass are ducked by every kick. The reverb is feedback delays
(four damped combs and two all-passes a side). The master saturates softly, up to a fixed RMS.
"""

import sys
import wave

import numpy as np

RATE = 44_100
BPM = 112
BEAT = 60.0 / BPM
BAR = 4 * BEAT
SEED = 20_26
TARGET_RMS_DB = -14.0
CEILING_DB = -1.5
DRIVE = 1.2

SECTIONS = [("intro", 4), ("verse", 4), ("chorus", 8), ("verse", 4), ("chorus", 8), ("outro", 2)]
BARS = sum(bars for _, bars in SECTIONS)
SAMPLES = int(round(BARS * BAR * RATE))

# Chords as MIDI notes, low to high, voiced so that each moves little to the next.
AM, F, C, G = (57, 60, 64, 69), (57, 60, 65, 69), (55, 60, 64, 67), (55, 59, 62, 67)
DM7, AM7, FMAJ7, GSUS = (57, 60, 62, 65), (55, 60, 64, 69), (57, 60, 64, 65), (55, 60, 62, 67)
ROOTS = {AM: 45, F: 41, C: 48, G: 43, DM7: 38, AM7: 45, FMAJ7: 41, GSUS: 43}
CHORDS = {
    "intro": [AM, F, C, G],
    "verse": [DM7, AM7, FMAJ7, GSUS],
    "chorus": [AM, F, C, G, AM, F, C, G],
    "outro": [F, C],
}

# Melodies as (bar, beat, length in beats, MIDI note). The hook answers itself: four bars up to G5,
# the same again up to A5.
HOOK_HEAD = [
    (0, 0.00, 0.75, 69), (0, 0.75, 0.75, 72), (0, 1.5, 1.0, 76), (0, 2.5, 0.5, 74), (0, 3.0, 0.5, 72),
    (0, 3.5, 0.5, 74),
    (1, 0.00, 0.75, 72), (1, 0.75, 0.75, 69), (1, 1.5, 1.25, 69), (1, 3.0, 0.5, 67), (1, 3.5, 0.5, 69),
]
HOOK_A = [
    (2, 0.00, 0.75, 72), (2, 0.75, 0.75, 76), (2, 1.5, 1.0, 79), (2, 2.5, 0.5, 76), (2, 3.0, 0.5, 74),
    (2, 3.5, 0.5, 76),
    (3, 0.00, 1.50, 74), (3, 1.50, 0.5, 71), (3, 2.0, 1.5, 74),
]
HOOK_B = [
    (2, 0.00, 0.75, 79), (2, 0.75, 0.75, 76), (2, 1.5, 1.0, 81), (2, 2.5, 0.5, 79), (2, 3.0, 0.5, 76),
    (2, 3.5, 0.5, 74),
    (3, 0.00, 0.75, 74), (3, 0.75, 0.75, 76), (3, 1.5, 1.0, 74), (3, 2.5, 0.5, 72), (3, 3.0, 1.0, 71),
]


def shifted(notes, bars):
    """The same notes, `bars` later."""
    return [(bar + bars, *rest) for bar, *rest in notes]


MELODIES = {
    "intro": HOOK_HEAD + HOOK_A,
    "verse": [
        (0, 0.5, 1.0, 65), (0, 1.5, 0.5, 64), (0, 2.0, 1.5, 62), (1, 0.5, 1.0, 64), (1, 1.5, 0.5, 67),
        (1, 2.0, 1.5, 64), (2, 0.5, 1.0, 65), (2, 1.5, 0.5, 67), (2, 2.0, 1.0, 69), (2, 3.0, 1.0, 67),
        (3, 0.0, 2.0, 67), (3, 2.5, 0.5, 64), (3, 3.0, 0.5, 67), (3, 3.5, 0.5, 71),
    ],
    "chorus": HOOK_HEAD + HOOK_A + shifted(HOOK_HEAD + HOOK_B, 4),
    "outro": [(0, 0.0, 0.75, 72), (0, 0.75, 0.75, 69), (0, 1.5, 2.0, 69), (1, 0.0, 3.5, 72)],
}

rng = np.random.default_rng(SEED)


def hertz(note):
    """Frequency of a MIDI note."""
    return 440.0 * 2.0 ** ((note - 69) / 12)


def seconds(count):
    """Times of `count` samples."""
    return np.arange(count) / RATE


def envelope(count, attack, decay, sustain, release):
    """Attack, decay and release in seconds; the note is held so that it ends with the release."""
    t, end = seconds(count), count / RATE
    shape = np.minimum(t / attack, sustain + (1 - sustain) * np.exp(-np.maximum(t - attack, 0) / decay))
    return shape * np.clip((end - t) / release, 0, 1)


def table(frequency, kind, cutoff):
    """One cycle of a saw or a square through a two-pole low-pass, with every harmonic below 16 kHz."""
    harmonics = np.arange(1, max(2, int(16_000 / frequency)))
    weights = 1.0 / harmonics
    if kind == "square":
        weights = weights * (harmonics % 2)
    weights = weights / (1 + (harmonics * frequency / cutoff) ** 2)
    spectrum = np.zeros(2049, dtype=complex)
    harmonics = harmonics[harmonics < 2048]
    spectrum[harmonics] = -1j * weights[: len(harmonics)]
    return np.fft.irfft(spectrum) * 2048


def voice(frequency, count, kind, bright, dark, fade, vibrato=0.0):
    """An oscillator whose low-pass falls from `bright` to `dark` Hz with a time constant of `fade` s."""
    t = seconds(count)
    wobble = vibrato * np.clip(t / 0.4, 0, 1) * np.sin(2 * np.pi * 5.5 * t)
    phase = rng.random() + np.cumsum(frequency * (1 + wobble)) / RATE
    position, grid = (phase % 1.0) * 4096, np.arange(4097)

    def read(cutoff):
        cycle = table(frequency, kind, cutoff)
        return np.interp(position, grid, np.append(cycle, cycle[0]))

    mix = np.exp(-t / fade)
    return mix * read(bright) + (1 - mix) * read(dark)


def filtered_noise(count, low, high):
    """White noise between two frequencies, with soft edges."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    f = np.fft.rfftfreq(count, 1 / RATE) + 1e-9
    return np.fft.irfft(spectrum / np.sqrt((1 + (low / f) ** 4) * (1 + (f / high) ** 4)), count)


class Track:
    """A stereo recording that notes are added to."""

    def __init__(self):
        self.audio = np.zeros((2, SAMPLES))

    def add(self, start, sound, gain=1.0, pan=0.0):
        """Adds a mono sound at `start` seconds; `pan` from -1 (left) to 1, at equal power."""
        first = int(round(start * RATE))
        sound = sound[: max(0, SAMPLES - first)]
        angle = (pan + 1) * np.pi / 4
        self.audio[0, first : first + len(sound)] += gain * np.cos(angle) * sound
        self.audio[1, first : first + len(sound)] += gain * np.sin(angle) * sound


def length(beats):
    """Samples in so many beats."""
    return int(beats * BEAT * RATE)


def kick():
    """A sine that falls from 175 to 55 Hz (the key note), with a click."""
    t = seconds(int(0.34 * RATE))
    body = np.sin(2 * np.pi * np.cumsum(55 + 120 * np.exp(-t / 0.028)) / RATE) * np.exp(-t / 0.13)
    body[: int(0.012 * RATE)] += 0.25 * filtered_noise(int(0.012 * RATE), 1500, 8000)
    return body * np.clip((t[-1] - t) / 0.02, 0, 1)


def snare():
    """Two short bursts of noise, as hands never clap quite together, on a tone."""
    count = int(0.26 * RATE)
    t = seconds(count)
    noise = filtered_noise(count, 900, 9000)
    claps = np.exp(-t / 0.075) + 0.7 * (t > 0.011) * np.exp(-np.maximum(t - 0.011, 0) / 0.03)
    return 0.55 * noise * claps + 0.5 * np.sin(2 * np.pi * 195 * t) * np.exp(-t / 0.05)


def hat(decay):
    """Noise above 7 kHz."""
    count = int(6 * decay * RATE)
    return filtered_noise(count, 7500, 16_000) * np.exp(-seconds(count) / decay)


def crash():
    """A long cymbal."""
    count = int(2.2 * RATE)
    return filtered_noise(count, 3500, 15_000) * np.exp(-seconds(count) / 0.55)


def riser(beats):
    """Noise that swells into the next section."""
    count = length(beats)
    return filtered_noise(count, 1200, 12_000) * np.linspace(0, 1, count) ** 3


def pad(tracks, start, chord, brightness, gain):
    """A bar of the chord on detuned saws, spread across the stereo field."""
    count = length(4) + int(0.25 * RATE)
    shape = envelope(count, 0.18, 1.5, 0.8, 0.35)
    for note in chord:
        for detune, pan in ((-0.0045, -0.8), (0.0, 0.0), (0.0045, 0.8)):
            saw = voice(hertz(note) * (1 + detune), count, "saw", brightness, 0.7 * brightness, 0.8)
            tracks["pad"].add(start, saw * shape, gain, pan)


def pluck(tracks, start, note, gain, pan):
    """A short, bright note."""
    count = length(1.5)
    sound = voice(hertz(note), count, "saw", 5500, 500, 0.07)
    tracks["pluck"].add(start, sound * envelope(count, 0.003, 0.16, 0.0, 0.05), gain, pan)


def bass(tracks, start, note, beats, gain):
    """A filtered saw over a sine."""
    count = length(beats)
    tone = 0.5 * voice(hertz(note), count, "saw", 1400, 320, 0.12)
    tone += 0.8 * np.sin(2 * np.pi * hertz(note) * seconds(count))
    tracks["bass"].add(start, tone * envelope(count, 0.006, 0.4, 0.7, 0.04), gain)


def lead(tracks, start, note, beats, gain):
    """Two detuned saws and a square below."""
    count = length(beats) + int(0.06 * RATE)
    shape = envelope(count, 0.012, 0.3, 0.75, 0.09)
    for detune, pan in ((-0.003, -0.35), (0.003, 0.35)):
        sound = voice(hertz(note) * (1 + detune), count, "saw", 7000, 2600, 0.18, vibrato=0.004)
        tracks["lead"].add(start, sound * shape, gain, pan)
    square = voice(hertz(note - 12), count, "square", 2500, 1200, 0.2, vibrato=0.004)
    tracks["lead"].add(start, square * shape, 0.5 * gain)


def bell(tracks, start, note, beats, gain):
    """A music box: a sine that another one modulates."""
    count = length(beats + 1.5)
    t = seconds(count)
    wave_ = np.sin(2 * np.pi * hertz(note) * t + 1.6 * np.exp(-t / 0.12) * np.sin(2 * np.pi * 4 * hertz(note) * t))
    tracks["bell"].add(start, wave_ * envelope(count, 0.002, 0.35, 0.0, 0.1), gain, 0.15)


def soft(tracks, start, note, beats, gain):
    """The verse's melody: an electric piano."""
    count = length(beats + 0.5)
    t = seconds(count)
    wave_ = np.sin(2 * np.pi * hertz(note) * t + 0.9 * np.exp(-t / 0.5) * np.sin(2 * np.pi * hertz(note) * t))
    tracks["bell"].add(start, wave_ * envelope(count, 0.008, 0.5, 0.15, 0.1), gain, -0.15)


def drums(tracks, kicks, start, kick_beats, snare_beats, hat_step, open_hats):
    """A bar of drums; the times of its kicks are noted for the ducking."""
    track = tracks["drums"]
    for beat in kick_beats:
        track.add(start + beat * BEAT, kick(), 0.9)
        kicks.append(start + beat * BEAT)
    for beat in snare_beats:
        track.add(start + beat * BEAT, snare(), 0.5, 0.05)
    for step, beat in enumerate(np.arange(0, 4, hat_step) if hat_step else []):
        accent = (0.17, 0.07, 0.12, 0.07)[step % 4] if hat_step < 0.5 else (0.12, 0.16)[step % 2]
        track.add(start + beat * BEAT, hat(0.022), accent * (0.9 + 0.2 * rng.random()), -0.25)
    for beat in open_hats:
        track.add(start + beat * BEAT, hat(0.09), 0.16, 0.3)


def arpeggio(tracks, start, chord, pattern, step, gain):
    """The chord's notes one after the other, an octave up, from side to side."""
    for index, beat in enumerate(np.arange(0, 4, step)):
        note = chord[pattern[index % len(pattern)]] + 12
        pluck(tracks, start + beat * BEAT, note, gain, 0.6 * np.sin(index * 1.3))


def play_bar(tracks, kicks, section, nth, bar, start, last):
    """Everything but the melody in one bar. `nth` counts the sections of that name."""
    chord = CHORDS[section][bar]
    root = ROOTS[chord]
    if section == "intro":
        pad(tracks, start, chord, 350 * 1.6**bar, 0.045)
        if bar >= 2:
            arpeggio(tracks, start, chord, (0, 2, 1, 3), 0.5, 0.05)
    elif section == "verse":
        pad(tracks, start, chord, 900, 0.036)
        arpeggio(tracks, start, chord, (0, 2, 3, 1), 0.5, 0.07 if nth else 0.045)
        for beat, beats in ((0, 1.4), (2.5, 1.2)):
            bass(tracks, start + beat * BEAT, root, beats, 0.17)
        kick_beats = (0, 1.75, 2.5) if nth else (0, 2.5)
        drums(tracks, kicks, start, kick_beats, (2,), 0.5 if nth else 1.0, ())
        if last:
            for index, beat in enumerate(np.arange(2, 4, 0.25)):
                tracks["drums"].add(start + beat * BEAT, snare(), 0.10 + 0.045 * index)
    elif section == "chorus":
        pad(tracks, start, chord, 3600, 0.055)
        arpeggio(tracks, start, chord, (0, 1, 2, 3, 2, 1), 0.25, 0.07)
        for eighth in range(8):
            octave = 12 if eighth in (3, 6) else 0
            bass(tracks, start + eighth * BEAT / 2, root + octave, 0.48, 0.21)
        drums(tracks, kicks, start, (0, 1, 2, 3), (1, 3), 0.25, (0.5, 1.5, 2.5, 3.5))
        if bar % 4 == 3:
            for beat in (3.5, 3.75):
                tracks["drums"].add(start + beat * BEAT, snare(), 0.35)
    else:
        pad(tracks, start, chord, 1600 if bar == 0 else 800, 0.05)
        bass(tracks, start, root, 3.8, 0.18)


def play_melody(tracks, section, nth, start):
    """The section's melody on its instrument."""
    for bar, beat, beats, note in MELODIES[section]:
        at = start + bar * BAR + beat * BEAT
        if section == "chorus":
            lead(tracks, at, note, beats, 0.13)
            if nth:
                lead(tracks, at, note + 12, beats, 0.04)
        elif section == "verse":
            soft(tracks, at, note, beats, 0.16)
        else:
            bell(tracks, at, note + 12 if section == "intro" else note, beats, 0.13)


def perform():
    """All tracks of the piece, and the times of the kicks."""
    tracks = {name: Track() for name in ("drums", "bass", "pad", "pluck", "lead", "bell")}
    kicks, counts, start = [], {}, 0.0
    for section, bars in SECTIONS:
        nth = counts.get(section, 0)
        counts[section] = nth + 1
        for bar in range(bars):
            play_bar(tracks, kicks, section, nth, bar, start + bar * BAR, bar == bars - 1)
        play_melody(tracks, section, nth, start)
        if section == "chorus":
            tracks["drums"].add(start, crash(), 0.22, 0.2)
            tracks["drums"].add(start + 4 * BAR, crash(), 0.12, -0.2)
        if section in ("intro", "verse"):
            tracks["drums"].add(start + bars * BAR - 4 * BEAT, riser(4), 0.10)
        if section == "outro":
            tracks["drums"].add(start, crash(), 0.18)
        start += bars * BAR
    return {name: track.audio for name, track in tracks.items()}, kicks


def ducking(kicks, depth):
    """A gain that drops with every kick and comes back within a beat."""
    gain = np.ones(SAMPLES)
    t = seconds(int(0.42 * RATE))
    dip = 1 - depth * np.minimum(t / 0.006, 1) * np.exp(-np.maximum(t - 0.03, 0) / 0.11)
    for at in kicks:
        first = int(round(at * RATE))
        part = gain[first : first + len(dip)]
        np.minimum(part, dip[: len(part)], out=part)
    return gain


def feedback_delay(x, delay, feedback, damped):
    """y[n] = x[n] + feedback * y[n - delay], the way back through a short low-pass where damped."""
    y = x.copy()
    for first in range(delay, len(y), delay):
        back = y[first - delay : first]
        if damped:
            back = np.convolve(back, (0.25, 0.5, 0.25), "same")
        part = y[first : first + delay]
        part += feedback * back[: len(part)]
    return y


def all_pass(x, delay, gain):
    """Delays without colouring: y[n] = -gain * x[n] + x[n - delay] + gain * y[n - delay]."""
    fed = feedback_delay(x, delay, gain, False)
    delayed = np.concatenate((np.zeros(delay), fed[:-delay]))
    return delayed - gain * fed


def reverb(stereo):
    """A light room: other delays on each side, so that it is wide."""
    sides = []
    for x, offset in zip(stereo, (0, 23)):
        combs = [feedback_delay(x, d + offset, 0.79, True) for d in (1557, 1617, 1491, 1422)]
        wet = sum(combs) / 4
        for delay in (225, 556):
            wet = all_pass(wet, delay + offset, 0.5)
        sides.append(wet)
    return np.array(sides)


def ping_pong(stereo, delay_s, feedback):
    """Echoes that change sides."""
    delay = int(delay_s * RATE)
    out = np.zeros_like(stereo)
    echo = stereo
    for _ in range(5):
        echo = feedback * np.roll(echo[::-1], delay, axis=1)
        echo[:, :delay] = 0
        out += echo
    return out


def high_pass(stereo, cutoff):
    """Takes away what lies below `cutoff` Hz."""
    f = np.fft.rfftfreq(SAMPLES, 1 / RATE) + 1e-9
    return np.fft.irfft(np.fft.rfft(stereo) / (1 + (cutoff / f) ** 4), SAMPLES)


def mix(tracks, kicks):
    """Balance, ducking, echo, room, fade."""
    duck = ducking(kicks, 0.62)
    lead_echo = ping_pong(tracks["lead"], 0.75 * BEAT, 0.32)
    bell_echo = ping_pong(tracks["bell"], 0.75 * BEAT, 0.4)
    ducked = (tracks["pad"] + tracks["pluck"] + lead_echo) * duck + tracks["bass"] * ducking(kicks, 0.75)
    dry = tracks["drums"] * 0.85 + ducked + tracks["lead"] * (0.65 + 0.35 * duck) + tracks["bell"] + bell_echo
    send = 0.5 * tracks["pad"] + 0.9 * tracks["pluck"] + 0.8 * tracks["lead"] + 1.1 * tracks["bell"]
    send = (send * duck) + 0.12 * high_pass(tracks["drums"], 400)
    out = high_pass(dry + 0.34 * high_pass(reverb(send), 180), 28)
    t = seconds(SAMPLES)
    outro = (BARS - SECTIONS[-1][1]) * BAR
    fade = np.clip((SAMPLES / RATE - t) / (SAMPLES / RATE - outro - BEAT), 0, 1) ** 1.5
    return out * fade * np.clip(t / 0.02, 0, 1)


def rms_db(x):
    """Level in dB below full scale."""
    return 10 * np.log10(np.mean(x**2) + 1e-12)


def master(stereo):
    """Saturates the peaks, then brings the whole to the wanted RMS."""
    stereo = np.tanh(DRIVE * stereo / np.percentile(np.abs(stereo), 99.9))
    stereo *= 10 ** ((TARGET_RMS_DB - rms_db(stereo)) / 20)
    assert np.abs(stereo).max() < 10 ** (CEILING_DB / 20), "too loud: raise DRIVE"
    return stereo


def write_wav(path, stereo):
    """16 bits, with triangular dither."""
    dither = rng.random(stereo.shape) - rng.random(stereo.shape)
    samples = np.clip(np.round(stereo * 32_767 + dither), -32_768, 32_767).astype("<i2")
    with wave.open(path, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.T.tobytes())


def report(stereo):
    """What was made, section by section."""
    print(f"{SAMPLES / RATE:.2f} s, peak {20 * np.log10(np.abs(stereo).max()):.2f} dBFS, RMS {rms_db(stereo):.2f} dBFS")
    start = 0
    for section, bars in SECTIONS:
        part = stereo[:, int(start * BAR * RATE) : int((start + bars) * BAR * RATE)]
        print(f"  {start * BAR:6.2f} s  {section:<7} RMS {rms_db(part):6.2f} dBFS")
        start += bars


def main():
    """Writes the song to the path on the command line."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: python make_demo.py OUT.wav")
    song = master(mix(*perform()))
    write_wav(sys.argv[1], song)
    report(song)


if __name__ == "__main__":
    main()
