"""Makes networks.json: what PyTorch and torchvision give for the networks of the trainer.

Made with torch 2.8.0 and torchvision 0.23.0; make it again with

    pip install numpy torch torchvision
    python make_networks.py

No weights are stored: both sides fill each tensor from its name by the integer hash below. For each
network there is the output of a judging network, the output while training (without dropout), and,
after one backward pass from there, two numbers for each trained tensor (the norm of its gradient, and
its product with numbers hashed from its name) and one for each running tensor.
"""

import json
import math
import pathlib

import numpy as np
import torch
import torchvision
from torch import nn

HERE = pathlib.Path(__file__).parent
BATCH, OUTPUTS = 3, 2


def hashed(name, count):
    """Numbers in ± 1/2: FNV-1a of the name, then the finaliser of MurmurHash3 for each place."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(seed)
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return (x ^ (x >> 16)).astype(np.float64) / 2**32 - 0.5


def filled(name, shape):
    """A tensor's values: such that signals neither fade nor grow, whatever its role."""
    u = hashed(name, math.prod(shape)).reshape(shape)
    if len(shape) >= 2:
        u = u * math.sqrt(24 / math.prod(shape[1:]))
    elif name.endswith("running_var") or name == "deviation":
        u = 1 + 0.5 * u
    elif name.endswith(".weight"):
        u = 1 + 0.4 * u
    else:
        u = 0.4 * u
    return torch.tensor(u.astype(np.float32))


def frames_of(frames, bands):
    """Input [frames, batch, bands]."""
    u = hashed("frames", frames * BATCH * bands).reshape(frames, BATCH, bands)
    return torch.tensor((4 * u).astype(np.float32))


def fill(module):
    """Fills a module whose names are the trainer's."""
    state = module.state_dict()
    for name, tensor in state.items():
        if not name.endswith("num_batches_tracked"):
            state[name] = filled(name, tuple(tensor.shape))
    module.load_state_dict(state)


class Named:
    """A network, with its trained and running tensors by the trainer's names."""

    def __init__(self, module, forward, trained=None, running=None):
        self.module, self.forward = module, forward
        self.trained = trained or {n: (lambda p=p: p.grad) for n, p in module.named_parameters()}
        self.running = running or {
            n: b for n, b in module.named_buffers() if not n.endswith("num_batches_tracked")
        }


def standardised(x):
    """The first step of every network."""
    bands = x.shape[-1]
    return (x - filled("mean", (bands,))) / filled("deviation", (bands,))


def image(x, colours):
    """[frames, batch, bands] → [batch, colours, bands, frames]."""
    return standardised(x).permute(1, 2, 0).unsqueeze(1).repeat(1, colours, 1, 1)


def on_images(module, colours):
    fill(module)
    return Named(module, lambda x: module(image(x, colours)))


def scaled(size, width):
    return max(1, math.floor(size * width + 0.5))


def mobilenet_v2(width):
    return on_images(torchvision.models.mobilenet_v2(num_classes=OUTPUTS, width_mult=width, dropout=0.0), 3)


def vgg11(width):
    cfg = torchvision.models.vgg.cfgs["A"]
    cfg = [c if c == "M" else scaled(c, width) for c in cfg]
    module = torchvision.models.VGG(torchvision.models.vgg.make_layers(cfg), OUTPUTS, False, 0.0)
    wide = scaled(4096, width)
    module.classifier[0] = nn.Linear(cfg[-2] * 49, wide)
    module.classifier[3] = nn.Linear(wide, wide)
    module.classifier[6] = nn.Linear(wide, OUTPUTS)
    return on_images(module, 3)


def alexnet(width):
    module = torchvision.models.AlexNet(OUTPUTS, 0.0)
    inputs = 3
    for n, layer in enumerate(module.features):
        if isinstance(layer, nn.Conv2d):
            outputs = scaled(layer.out_channels, width)
            module.features[n] = nn.Conv2d(inputs, outputs, layer.kernel_size, layer.stride, layer.padding)
            inputs = outputs
    wide = scaled(4096, width)
    module.classifier[1] = nn.Linear(inputs * 36, wide)
    module.classifier[4] = nn.Linear(wide, wide)
    module.classifier[6] = nn.Linear(wide, OUTPUTS)
    return on_images(module, 3)


def cnn3(bands, frames, channels, width):
    class Block(nn.Module):
        def __init__(self, inputs, outputs):
            super().__init__()
            self.conv = nn.Conv2d(inputs, outputs, 5, padding=2, bias=False)
            self.norm = nn.BatchNorm2d(outputs)

        def forward(self, x):
            x = self.norm(self.conv(x))
            x = nn.functional.avg_pool2d(x, 7, 3, 3, count_include_pad=False)
            return nn.functional.leaky_relu(x, 0.01)

    class Cnn3(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(map(Block, [1, *channels], channels))
            for _ in range(3):
                nonlocal bands, frames
                bands, frames = (bands - 1) // 3 + 1, (frames - 1) // 3 + 1
            self.linear = nn.Linear(channels[-1] * bands * frames, width)
            self.outputs = nn.Linear(width, OUTPUTS)

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return self.outputs(nn.functional.leaky_relu(self.linear(x.flatten(1)), 0.01))

    return on_images(Cnn3(), 1)


def mlp(bands, frames, widths):
    class Mlp(nn.Module):
        def __init__(self):
            super().__init__()
            inputs = [bands * frames, *widths]
            self.layers = nn.ModuleList(map(nn.Linear, inputs, widths))
            self.outputs = nn.Linear(widths[-1], OUTPUTS)

        def forward(self, x):
            x = x.flatten(1)
            for layer in self.layers:
                x = nn.functional.leaky_relu(layer(x), 0.01)
            return self.outputs(x)

    return on_images(Mlp(), 1)


# Gates in the trainer's order (input, output, forget, cell) and in PyTorch's (input, forget, cell,
# output).
TO_TORCH, TO_TRAINER = [0, 2, 3, 1], [0, 3, 1, 2]


def gates(tensor, order):
    return torch.cat([tensor.chunk(4)[n] for n in order])


def lstm(bands, hidden, layers, width):
    stack = nn.LSTM(bands, hidden, layers)
    head = nn.ModuleList([nn.Linear(hidden, width), nn.Linear(width, width), nn.Linear(width, OUTPUTS)])
    trained = {}
    with torch.no_grad():
        for n in range(layers):
            for part, theirs in (("input", "weight_ih"), ("recurrent", "weight_hh"), ("bias", "bias_ih")):
                parameter = getattr(stack, f"{theirs}_l{n}")
                name = f"lstm.{n}.{part}"
                parameter.copy_(gates(filled(name, tuple(parameter.shape)), TO_TORCH))
                trained[name] = lambda p=parameter: gates(p.grad, TO_TRAINER)
            getattr(stack, f"bias_hh_l{n}").zero_()
        for name, parameter in head.named_parameters():
            parameter.copy_(filled(f"head.{name}", tuple(parameter.shape)))
            trained[f"head.{name}"] = lambda p=parameter: p.grad

    def forward(x):
        h = stack(standardised(x))[0][-1]
        h = nn.functional.leaky_relu(head[0](h), 0.01)
        return head[2](nn.functional.leaky_relu(head[1](h), 0.01))

    return Named(nn.ModuleList([stack, head]), forward, trained)


def transformer(bands, frames, width, heads, layers, feed_forward, norm_first, learnt):
    parts = {
        "embedding": nn.Linear(bands, width),
        "head": nn.Linear(width, OUTPUTS),
    }
    if norm_first:
        parts["norm"] = nn.LayerNorm(width)
    encoders = [
        nn.TransformerEncoderLayer(
            width, heads, feed_forward, dropout=0.0, batch_first=True, norm_first=norm_first
        )
        for _ in range(layers)
    ]
    token = nn.Parameter(filled("token", (width,)))
    trained = {"token": lambda: token.grad}
    if learnt:
        positions = nn.Parameter(filled("positions", (1 + frames, width)))
        trained["positions"] = lambda: positions.grad
    else:
        place = np.arange(width)
        angle = np.arange(1 + frames)[:, None] / 10_000 ** (place // 2 * 2 / width)
        sines = np.where(place % 2 == 0, np.sin(angle), np.cos(angle))
        positions = torch.tensor(sines.astype(np.float32))
    names = {
        "self_attn.in_proj_weight": "projection.weight", "self_attn.in_proj_bias": "projection.bias",
        "self_attn.out_proj.weight": "output.weight", "self_attn.out_proj.bias": "output.bias",
        "linear1.weight": "feed_in.weight", "linear1.bias": "feed_in.bias",
        "linear2.weight": "feed_out.weight", "linear2.bias": "feed_out.bias",
        "norm1.weight": "norm.0.weight", "norm1.bias": "norm.0.bias",
        "norm2.weight": "norm.1.weight", "norm2.bias": "norm.1.bias",
    }
    named = [(f"{n}.{k}", p) for n, part in parts.items() for k, p in part.named_parameters()]
    for n, encoder in enumerate(encoders):
        named += [(f"layers.{n}.{names[k]}", p) for k, p in encoder.named_parameters()]
    with torch.no_grad():
        for name, parameter in named:
            parameter.copy_(filled(name, tuple(parameter.shape)))
            trained[name] = lambda p=parameter: p.grad

    def forward(x):
        x = parts["embedding"](standardised(x).transpose(0, 1))
        x = torch.cat([token.expand(x.shape[0], 1, width), x], 1) + positions
        for encoder in encoders:
            x = encoder(x)
        x = x[:, 0]
        return parts["head"](parts["norm"](x) if norm_first else x)

    return Named(nn.ModuleList([*parts.values(), *encoders]), forward, trained)


def few_features(features, embedding, width, blocks):
    class Embedding(nn.Module):
        def __init__(self):
            super().__init__()
            self.factors = nn.Parameter(torch.empty(features, embedding))
            self.offsets = nn.Parameter(torch.empty(features, embedding))

        def forward(self, row):
            return torch.relu(row.unsqueeze(-1) * self.factors + self.offsets).flatten(1)

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = nn.LayerNorm(width)
            self.first = nn.Linear(width, 2 * width)
            self.second = nn.Linear(2 * width, width)

        def forward(self, x):
            return x + self.second(torch.relu(self.first(self.norm(x))))

    class FewFeatures(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = Embedding()
            self.input = nn.Linear(features * embedding, width)
            self.blocks = nn.ModuleList(Block() for _ in range(blocks))
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, OUTPUTS)

        def forward(self, row):
            x = self.input(self.embedding(row))
            for block in self.blocks:
                x = block(x)
            return self.head(torch.relu(self.norm(x)))

    module = FewFeatures()
    fill(module)
    return Named(module, lambda x: module(standardised(x)[0]))


def zero_or(gradient, parameter):
    """What is not used has no gradient."""
    return torch.zeros_like(parameter) if gradient is None else gradient


def fill_lstm(stack, prefix_of, trained):
    """Fills an LSTM of one or two directions; `prefix_of(layer, backwards)` names its parts."""
    with torch.no_grad():
        for layer in range(stack.num_layers):
            for backwards in range(2 if stack.bidirectional else 1):
                suffix = f"_l{layer}" + ("_reverse" if backwards else "")
                for part, theirs in (("input", "weight_ih"), ("recurrent", "weight_hh"), ("bias", "bias_ih")):
                    parameter = getattr(stack, theirs + suffix)
                    name = f"{prefix_of(layer, backwards)}.{part}"
                    parameter.copy_(gates(filled(name, tuple(parameter.shape)), TO_TORCH))
                    trained[name] = lambda p=parameter: gates(zero_or(p.grad, p), TO_TRAINER)
                getattr(stack, "bias_hh" + suffix).zero_()


def fill_others(parts, trained):
    """Fills modules by name."""
    with torch.no_grad():
        for prefix, module in parts.items():
            for name, parameter in module.named_parameters():
                name = f"{prefix}.{name}" if name else prefix
                parameter.copy_(filled(name, tuple(parameter.shape)))
                trained[name] = lambda p=parameter: zero_or(p.grad, p)


def stack_of(widths, rectified):
    layers = nn.ModuleList(map(nn.Linear, widths, widths[1:]))

    def forward(x):
        for n, layer in enumerate(layers):
            x = layer(x)
            if n + 1 < len(layers) or rectified:
                x = torch.relu(x)
        return x

    return layers, forward


def halving(inputs, code, most):
    between = [inputs // part for part in range(2, 2 + most)]
    between = between[: next((n for n, width in enumerate(between) if width <= code), most)]
    return [inputs, *between, code]


def hit_music_net(inputs, code):
    widths = halving(inputs, code, 2)
    encoder, encode = stack_of(widths, False)
    decoder, _ = stack_of(widths[::-1], False)
    down = [code, code, max(1, code // 2), max(1, code // 3)]
    layers, run = stack_of(down, True)
    head, trained = nn.Linear(down[-1], OUTPUTS), {}
    parts = {
        "autoencoder.encoder": encoder, "autoencoder.decoder": decoder, "layers": layers, "head": head,
    }
    fill_others(parts, trained)
    return Named(nn.ModuleList(parts.values()), lambda x: head(run(encode(standardised(x)[0]))), trained)


def patches_of(x, frames):
    """[frames, batch, bands] → [patches, batch, 2 · bands]."""
    count = x.shape[0] // frames
    x = x[: count * frames].reshape(count, frames, *x.shape[1:])
    deviation = (x.var(1, unbiased=False) + 1e-6).sqrt()
    return torch.cat([x.mean(1), deviation], -1)


BESIDE = 4


def apart(x):
    x = standardised(x)
    return x[..., :-BESIDE], x[0, :, -BESIDE:]


def autoen_chorder(bands, patch, hidden, code, layers):
    width = 2 * (bands - BESIDE)
    row_encoder, encode_row = stack_of(halving(BESIDE, code, 2), False)
    row_decoder, _ = stack_of(halving(BESIDE, code, 2)[::-1], False)
    encoder, encode = stack_of(halving(hidden, code, 1), False)
    decoder, _ = stack_of(halving(hidden, code, 1)[::-1], False)
    before, behind = nn.LSTM(width, hidden), nn.LSTM(hidden, hidden)
    back, head = nn.Linear(hidden, width), nn.Linear(2 * code, OUTPUTS)
    linear, run = stack_of([2 * code] * layers, True)
    trained = {}
    fill_lstm(before, lambda *_: "sequence.before", trained)
    fill_lstm(behind, lambda *_: "sequence.behind", trained)
    parts = {
        "row.encoder": row_encoder, "row.decoder": row_decoder, "sequence.encoder": encoder,
        "sequence.decoder": decoder, "sequence.back": back, "layers": linear, "head": head,
    }
    fill_others(parts, trained)

    def forward(x):
        sound, row = apart(x)
        state = before(patches_of(sound, patch))[0][-1]
        return head(run(torch.cat([encode_row(row), encode(state)], 1)))

    return Named(nn.ModuleList([*parts.values(), before, behind]), forward, trained)


def late_fusion(bands, patch, hidden, width):
    lstm = nn.LSTM(2 * (bands - BESIDE), hidden)
    numbers, joined = nn.Linear(BESIDE, width), nn.Linear(hidden + width, width)
    head, trained = nn.Linear(width, OUTPUTS), {}
    fill_lstm(lstm, lambda *_: "lstm", trained)
    parts = {"numbers": numbers, "joined": joined, "head": head}
    fill_others(parts, trained)

    def forward(x):
        sound, row = apart(x)
        states = lstm(patches_of(sound, patch))[0].mean(0)
        return head(torch.relu(joined(torch.cat([states, torch.relu(numbers(row))], 1))))

    return Named(nn.ModuleList([*parts.values(), lstm]), forward, trained)


def attention_pool(bands, patch, hidden, width):
    lstm, attention = nn.LSTM(2 * bands, hidden), nn.Linear(hidden, width)
    question, head = nn.Parameter(filled("question", (width, 1))), nn.Linear(hidden, OUTPUTS)
    trained = {"question": lambda: question.grad}
    fill_lstm(lstm, lambda *_: "lstm", trained)
    fill_others({"attention": attention, "head": head}, trained)

    def forward(x):
        states = lstm(patches_of(standardised(x), patch))[0]
        shares = torch.softmax(torch.tanh(attention(states)) @ question, 0)
        return head((shares * states).sum(0))

    return Named(nn.ModuleList([lstm, attention, head]), forward, trained)


def cosines(bands, count):
    """The orthonormal discrete cosine transform, [bands, count]."""
    band, coefficient = np.arange(bands)[:, None], np.arange(count)
    scale = np.where(coefficient == 0, 1, math.sqrt(2)) / math.sqrt(bands)
    return torch.tensor((scale * np.cos(np.pi * coefficient * (band + 0.5) / bands)).astype(np.float32))


def sound_lstm(bands, frames, coefficients, hidden, layers):
    stack = nn.LSTM(coefficients, hidden, layers, bidirectional=True)
    step, steps, trained = nn.Linear(2 * hidden, 1), nn.Linear(frames, OUTPUTS), {}
    fill_lstm(stack, lambda n, back: f"lstm.{n}.{'backwards' if back else 'forwards'}", trained)
    fill_others({"step": step, "steps": steps}, trained)
    transform = cosines(bands, coefficients)

    def forward(x):
        return steps(step(stack(standardised(x) @ transform)[0])[..., 0].T)

    return Named(nn.ModuleList([stack, step, steps]), forward, trained)


class Block(nn.Module):
    """Convolution, ReLU, batch norm and, perhaps, max-pool."""

    def __init__(self, inputs, outputs, size, stride, pooled):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2)
        self.norm = nn.BatchNorm2d(outputs)
        self.pooled = pooled

    def forward(self, x):
        x = self.norm(torch.relu(self.conv(x)))
        return nn.functional.max_pool2d(x, 2) if self.pooled else x


def sound_cnn(bands, frames, coefficients, channels):
    class SoundCnn(nn.Module):
        def __init__(self):
            super().__init__()
            pairs = zip([1, *channels], channels)
            self.blocks = nn.ModuleList(Block(a, b, 5, 2, False) for a, b in pairs)
            height, width = coefficients, frames
            for _ in channels:
                height, width = (height - 1) // 2 + 1, (width - 1) // 2 + 1
            self.outputs = nn.Linear(channels[-1] * height * width, OUTPUTS)

        def forward(self, x):
            x = cosines(bands, coefficients).T @ x
            for block in self.blocks:
                x = block(x)
            return self.outputs(x.flatten(1))

    return on_images(SoundCnn(), 1)


def popularity_cnn(convolutions, colour, base, width, size):
    class PopularityCnn(nn.Module):
        def __init__(self):
            super().__init__()
            channels = [base << min(n // 2, 2) for n in range(convolutions)]
            pairs = zip([3 if colour else 1, *channels], channels)
            self.blocks = nn.ModuleList(Block(a, b, 3, 1, True) for a, b in pairs)
            height, across = (side >> convolutions for side in size)
            self.linear = nn.Linear(channels[-1] * height * across, width)
            self.outputs = nn.Linear(width, OUTPUTS)

        def forward(self, x):
            x = nn.functional.interpolate(x, size, mode="bilinear", align_corners=True)
            if colour:
                v = (x / 6 + 0.5).clamp(0, 1)
                x = torch.cat([(1.5 - (4 * v - peak).abs()).clamp(0, 1) for peak in (3, 2, 1)], 1)
            for block in self.blocks:
                x = block(x)
            return self.outputs(torch.relu(self.linear(x.flatten(1))))

    return on_images(PopularityCnn(), 1)


def vggish(bands, frames, width):
    """The layers of torchvggish, and an output layer."""

    class Vggish(nn.Module):
        def __init__(self):
            super().__init__()
            layers, inputs = [], 1
            for channels in (64, "M", 128, "M", 256, 256, "M", 512, 512, "M"):
                if channels == "M":
                    layers.append(nn.MaxPool2d(2, 2))
                else:
                    layers += [nn.Conv2d(inputs, scaled(channels, width), 3, padding=1), nn.ReLU()]
                    inputs = scaled(channels, width)
            self.features = nn.Sequential(*layers)
            wide, code = scaled(4096, width), scaled(128, width)
            self.embeddings = nn.Sequential(
                nn.Linear(inputs * (bands >> 4) * (frames >> 4), wide), nn.ReLU(),
                nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, code), nn.ReLU(),
            )
            self.outputs = nn.Linear(code, OUTPUTS)

        def forward(self, x):
            x = self.features(x.transpose(2, 3))
            return self.outputs(self.embeddings(x.permute(0, 2, 3, 1).flatten(1)))

    return on_images(Vggish(), 1)


def short(values):
    return [float(f"{v:.7g}") for v in values]


def case(network, bands, frames):
    x = frames_of(frames, bands)
    network.module.eval()
    with torch.no_grad():
        judged = network.forward(x)
    network.module.train()
    output = network.forward(x)
    (output * torch.tensor(hashed("coefficients", output.numel())).reshape(output.shape)).sum().backward()

    def product(name, tensor):
        values = tensor.detach().double().numpy().ravel()
        return float(values @ hashed(f"{name}.digest", len(values)))

    gradients = {n: of() for n, of in network.trained.items()}
    return {
        "bands": bands,
        "frames": frames,
        "judged": short(judged.flatten().tolist()),
        "trained": short(output.detach().flatten().tolist()),
        "gradients": {n: short([g.double().norm().item(), product(n, g)]) for n, g in sorted(gradients.items())},
        "running": {n: short([product(n, r)])[0] for n, r in sorted(network.running.items())},
    }


def main():
    cases = {
        "lstm": case(lstm(10, 12, 3, 16), 10, 20),
        "mlp": case(mlp(6, 5, [16, 12]), 6, 5),
        "cnn3": case(cnn3(20, 30, [4, 6, 4], 16), 20, 30),
        "mobilenet-v2": case(mobilenet_v2(0.25), 40, 72),
        "vgg11": case(vgg11(0.0625), 32, 72),
        "alexnet": case(alexnet(0.0625), 64, 80),
        "transformer-pre": case(transformer(10, 12, 16, 4, 2, 24, True, False), 10, 12),
        "transformer-post": case(transformer(10, 12, 16, 4, 2, 24, False, True), 10, 12),
        "few-features": case(few_features(6, 4, 8, 2), 6, 1),
        "hit-music-net": case(hit_music_net(15, 6), 15, 1),
        "autoen-chorder": case(autoen_chorder(10, 3, 6, 2, 4), 10, 12),
        "late-fusion": case(late_fusion(10, 3, 6, 8), 10, 12),
        "attention-pool": case(attention_pool(10, 3, 6, 5), 10, 14),
        "sound-lstm": case(sound_lstm(16, 12, 8, 6, 2), 16, 12),
        "sound-cnn": case(sound_cnn(24, 20, 13, [4, 6, 4, 6]), 24, 20),
        "popularity-cnn": case(popularity_cnn(2, False, 4, 12, (17, 22)), 12, 20),
        "popularity-cnn-colour": case(popularity_cnn(4, True, 4, 12, (34, 50)), 20, 24),
        "vggish": case(vggish(16, 32, 0.03125), 16, 32),
    }
    (HERE / "networks.json").write_text(json.dumps(cases, indent=0))


if __name__ == "__main__":
    main()
