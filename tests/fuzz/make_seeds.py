"""Makes the inputs that fuzzing begins with and that no hand would write: audio in every container and codec
that is read, networks of every kind of layer, messages of WebSocket clients. What is there already under
another name stays.

Made with ffmpeg 5.1, numpy 2 and onnx 1.23; other versions' files may differ.

    pip install numpy onnx
    python make_seeds.py
"""

import json
import pathlib
import struct
import subprocess

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CORPUS = pathlib.Path(__file__).parent / "corpus"

# Name, seconds, channels, options of ffmpeg.
AUDIO = [
    ("pcm-16.wav", 0.02, 1, ""),
    ("pcm-8.wav", 0.02, 2, "-c:a pcm_u8"),
    ("pcm-24.wav", 0.01, 2, "-c:a pcm_s24le"),
    ("float.wav", 0.01, 2, "-c:a pcm_f32le"),
    ("double.wav", 0.01, 1, "-c:a pcm_f64le"),
    ("six-channels.wav", 0.01, 6, ""),
    ("alaw.wav", 0.02, 1, "-c:a pcm_alaw"),
    ("mulaw.wav", 0.02, 1, "-c:a pcm_mulaw"),
    ("adpcm-ms.wav", 0.05, 1, "-c:a adpcm_ms"),
    ("adpcm-ima.wav", 0.05, 2, "-c:a adpcm_ima_wav"),
    ("mono.flac", 0.06, 1, "-frame_size 256"),
    ("stereo.flac", 0.06, 2, "-frame_size 512"),
    ("24-bits.flac", 0.02, 2, "-sample_fmt s32 -bits_per_raw_sample 24"),
    ("mono.mp3", 0.1, 1, "-b:a 32k"),
    ("stereo.mp3", 0.1, 2, "-b:a 64k -write_xing 0"),
    ("low-rate.mp3", 0.1, 1, "-ar 8000 -b:a 16k"),
    ("titled.mp3", 0.05, 1, "-b:a 32k -metadata title=One -id3v2_version 3 -write_id3v1 1"),
    ("layer-2.mp2", 0.1, 1, "-b:a 32k"),
    ("vorbis.ogg", 0.1, 1, "-c:a libvorbis -q:a 0"),
    ("flac.ogg", 0.06, 1, "-c:a flac"),
    ("aac.m4a", 0.1, 1, "-b:a 32k"),
    ("fast-start.m4a", 0.1, 2, "-b:a 32k -movflags +faststart"),
    ("fragmented.m4a", 0.2, 1, "-b:a 32k -movflags +frag_keyframe+empty_moov"),
    ("alac.m4a", 0.02, 2, "-c:a alac"),
    ("aac.aac", 0.1, 1, "-b:a 32k"),
    ("vorbis.mkv", 0.1, 1, "-c:a libvorbis -q:a 0"),
    ("flac.mkv", 0.02, 1, "-c:a flac"),
    ("pcm.mkv", 0.01, 2, "-c:a pcm_s16le"),
]


def without_padding(flac):
    """A FLAC file without the empty block that ffmpeg leaves for titles."""
    blocks, at, last = [], 4, False
    while not last:
        kind, length = flac[at] & 0x7F, int.from_bytes(flac[at + 1:at + 4], "big")
        last = flac[at] >= 0x80
        if kind != 1:
            blocks.append((kind, flac[at + 4:at + 4 + length]))
        at += 4 + length
    head = b"".join(
        bytes([kind | (0x80 if n == len(blocks) - 1 else 0)]) + len(block).to_bytes(3, "big") + block
        for n, (kind, block) in enumerate(blocks))
    return flac[:4] + head + flac[at:]


def audio(folder):
    """A tone of half of full scale."""
    for name, seconds, channels, options in AUDIO:
        path = folder / name
        subprocess.run(
            ["ffmpeg", "-y", "-loglevel", "error", "-f", "lavfi",
             "-i", f"aevalsrc=0.5*sin(2*PI*441*t):s=22050:d={seconds}", "-ac", str(channels),
             "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact",
             *options.split(), str(path)], check=True)
        if path.suffix == ".flac":
            path.write_bytes(without_padding(path.read_bytes()))


BANDS, HIDDEN, WINDOW = 4, 2, 8


def metadata(contract, **changes):
    """The document every Earworm model carries, as short as it can be."""
    return {
        "contract_version": 1, "contract": contract, "name": "m",
        "front_end": {
            "sample_rate": 8000, "n_fft": 64, "hop": 32, "n_mels": BANDS, "mel_scale": "htk",
            "mel_norm": "none", "f_min": 50.0, "f_max": 4000.0, "amin": 1e-10,
            "level": {"kind": "running_mean", "gate_db": -70.0, "floor_db": 50.0},
        },
        "window_frames": WINDOW, "warm_up_frames": 4, "task": "binary",
        "classes": [{"name": "a"}, {"name": "b"}], "score_class": "a",
        "calibration": {"kind": "identity"}, "label": "",
        "data": {"name": "", "songs": 0, "sha256": "", "licence": ""},
        "metrics": [], "trust": "", "licence": "", **changes,
    }


RNG = np.random.default_rng(20)


def weights(name, *shape):
    """A tensor of normal draws."""
    return numpy_helper.from_array((RNG.standard_normal(shape) * 0.4).astype(np.float32), name)


def whole(name, *values):
    """A tensor of whole numbers."""
    return numpy_helper.from_array(np.array(values, np.int64), name)


def value(name, *shape):
    """A float32 input or output."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))


def node(operator, inputs, outputs, **attributes):
    """A node; names are divided by spaces, and - stands for none."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(operator, names, outputs.split(), **attributes)


def recurrent(operator, gates, states):
    """One recurrent layer and a linear head on the last frame."""
    names = [f"state.{n}" for n in range(states)]
    inputs = " ".join(f"{name}.in" for name in names)
    outputs = " ".join(f"{name}.out" for name in names)
    nodes = [node("Transpose", "mel", "x", perm=[1, 0, 2]),
             node(operator, f"x w r b - {inputs}", f"y {outputs}", hidden_size=HIDDEN),
             node("Squeeze", "y axis", "z"), node("Gather", "z last", "top", axis=0),
             node("Gemm", "top head bias", "score")]
    tensors = [weights("w", 1, gates * HIDDEN, BANDS), weights("r", 1, gates * HIDDEN, HIDDEN),
               weights("b", 1, 2 * gates * HIDDEN), weights("head", HIDDEN, 2), weights("bias", 2),
               whole("axis", 1), numpy_helper.from_array(np.array(-1), "last")]
    state = lambda end: [value(f"{name}.{end}", 1, "batch", HIDDEN) for name in names]
    return helper.make_graph(nodes, "g", [value("mel", "batch", "frames", BANDS), *state("in")],
                             [value("score", "batch", 2), *state("out")], tensors)


def window(nodes, tensors, width=BANDS, name="mel", rows=WINDOW, classes=2):
    """A network on a whole window."""
    return helper.make_graph(nodes, "g", [value(name, "batch", rows, width)],
                             [value("score", "batch", classes)], tensors)


def networks():
    """Metadata and graph by name."""
    yield "lstm", metadata("streaming"), recurrent("LSTM", 4, 2)
    yield "gru", metadata("streaming", calibration={"kind": "platt", "slope": 2.0, "intercept": 0.1}), \
        recurrent("GRU", 3, 1)
    yield "rnn", metadata("streaming", task="multiclass"), recurrent("RNN", 1, 1)
    yield "mean", metadata("window", calibration={"kind": "isotonic", "x": [-1.0, 1.0], "y": [0.2, 0.8]}), \
        window([node("ReduceMean", "mel", "m", axes=[1], keepdims=0), node("Gemm", "m w b", "score")],
               [weights("w", BANDS, 2), weights("b", 2)])
    yield "convolutions", metadata("window", calibration={"kind": "temperature", "t": 2.0}), window(
        [node("Unsqueeze", "mel one", "i"), node("Conv", "i k", "c", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
         node("BatchNormalization", "c g s m v", "n"), node("Relu", "n", "r"),
         node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
         node("Conv", "p d", "e", kernel_shape=[1, 1], group=2), node("HardSwish", "e", "h"),
         node("AveragePool", "h", "a", kernel_shape=[2, 2]), node("GlobalAveragePool", "a", "q"),
         node("Flatten", "q", "f"), node("Gemm", "f w b", "score", transB=1)],
        [whole("one", 1), weights("k", 2, 1, 3, 3), weights("g", 2), weights("s", 2), weights("m", 2),
         numpy_helper.from_array(np.ones(2, np.float32), "v"), weights("d", 2, 1, 1, 1),
         weights("w", 2, 2), weights("b", 2)])
    yield "attention", metadata("window", task="regression"), window(
        [node("MatMul", "mel q", "a"), node("Transpose", "mel", "t", perm=[0, 2, 1]),
         node("MatMul", "a t", "s"), node("Softmax", "s", "p", axis=-1), node("MatMul", "p mel", "o"),
         node("Add", "o mel", "n"), node("LayerNormalization", "n g b", "l", axis=-1),
         node("ReduceMax", "l", "m", axes=[1], keepdims=0), node("Erf", "m", "e"), node("Tanh", "e", "h"),
         node("MatMul", "h w", "u"), node("Sigmoid", "u", "score")],
        [weights("q", BANDS, BANDS), weights("g", BANDS), weights("b", BANDS), weights("w", BANDS, 2)])
    yield "shapes", metadata("window"), window(
        [node("Slice", "mel begin end axes", "s"), node("Concat", "s mel", "c", axis=1),
         node("Pad", "c pads", "p"), node("Split", "p parts", "x y", axis=2), node("Sub", "x y", "d"),
         node("Shape", "d", "h"), node("Gather", "h zero", "n", axis=0), node("Concat", "n rest", "to", axis=0),
         node("Reshape", "d to", "f"), node("Clip", "f low high", "k"), node("Where", "mask k f", "o"),
         node("Pow", "o two", "e"), node("ReduceSum", "e", "z", keepdims=1), node("Div", "e z", "v"),
         node("MatMul", "v w", "score")],
        [whole("begin", 0), whole("end", 2), whole("axes", 1), whole("pads", 0, 1, 0, 0, 1, 0),
         whole("parts", 2, 2), whole("zero", 0), whole("rest", -1),
         numpy_helper.from_array(np.float32(-9), "low"), numpy_helper.from_array(np.float32(9), "high"),
         numpy_helper.from_array(np.array([True]), "mask"), numpy_helper.from_array(np.float32(2), "two"),
         weights("w", 24, 2)])
    names = ["zcr", "rmse"]
    yield "descriptors", metadata("window", input={"kind": "descriptors", "names": names}), window(
        [node("Squeeze", "features one", "s"), node("Gemm", "s w b", "g"), node("LeakyRelu", "g", "l"),
         node("Gemm", "l v c", "score")],
        [whole("one", 1), weights("w", 2, 3), weights("b", 3), weights("v", 3, 2), weights("c", 2)],
        width=2, name="features", rows=1)


def models(models_folder, metadata_folder):
    """Small networks of all kinds of layers, and the metadata of each."""
    for name, document, graph in networks():
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8,
                                  producer_name="")
        entry = model.metadata_props.add()
        entry.key, entry.value = "earworm", json.dumps(document, separators=(",", ":"))
        onnx.save(model, models_folder / f"{name}.onnx")
        # These are put into the scorer's tiny LSTM, whose shape they must have.
        document["front_end"]["n_mels"] = 16
        document["contract"] = "window" if "input" in document else "streaming"
        document["classes"] = [{"name": name, "meaning": ""} for name in "abc"]
        document["metrics"] = [{"name": "auc", "scope": "all", "value": 0.7, "low": 0.6, "high": 0.8}]
        (metadata_folder / f"{name}.json").write_text(json.dumps(document))


def frame(opcode, payload, final=True, mask=b"\1\2\3\4"):
    """A message as a client sends it."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack(">H", size)
    masked = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    return bytes([(0x80 if final else 0) | opcode]) + length + mask + masked


def messages(folder):
    """What clients say on an open stream."""
    text, binary, close, ping, pong = 1, 2, 8, 9, 10
    for name, said in {
        "close": frame(close, b"\x03\xe8bye"),
        "ping": frame(ping, b"still there?") + frame(close, b""),
        "pong-and-text": frame(pong, b"") + frame(text, b"hello") + frame(binary, bytes(range(200))),
        "parts": frame(text, b"one ", final=False) + frame(ping, b"") + frame(0, b"two"),
        "too-many": frame(text, b"") * 70,
        "too-long": frame(text, b"a" * 1500),
        "not-masked": b"\x81\x05hello",
        "not-text": frame(text, b"\xff\xfe"),
    }.items():
        (folder / name).write_bytes(said)


def main():
    folders = {name: CORPUS / name for name in ("decode", "model", "metadata", "websocket")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    audio(folders["decode"])
    models(folders["model"], folders["metadata"])
    messages(folders["websocket"])


if __name__ == "__main__":
    main()
