"""One training step of a stacked LSTM in PyTorch, as often as asked: the peer of a speed benchmark.

    python train_peer.py THREADS FRAMES BATCH [DEVICE]

For every line on standard input it makes that many steps (forward, backward, AdamW with clipping) and prints of each
its milliseconds and its loss, `MS/LOSS`, separated by blanks. The network is nn.LSTM(64, 128, 3 layers), its last
step, and a head of 512, 512 and 1 with leaky rectifiers; f32; on the CPU, or DEVICE (`cuda:0`). Weights and frames are
those of the trainer's benchmark. Needs torch.
"""

import math
import sys
import time

import torch
from torch import nn

BANDS, HIDDEN, LAYERS, HEAD = 64, 128, 3, 512


class Network(nn.Module):
    """Standardised frames [frames, batch, bands] to a logit a sequence."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.full((BANDS,), -20.0))
        self.register_buffer("deviation", torch.full((BANDS,), 10.0))
        self.lstm = nn.LSTM(BANDS, HIDDEN, LAYERS)
        self.head = nn.Sequential(
            nn.Linear(HIDDEN, HEAD), nn.LeakyReLU(), nn.Linear(HEAD, HEAD), nn.LeakyReLU(), nn.Linear(HEAD, 1))

    def forward(self, frames):
        hidden, _ = self.lstm((frames - self.mean) / self.deviation)
        return self.head(hidden[-1]).squeeze(1)


class Draws:
    """Numbers from the generator that the trainer's benchmark has too."""

    def __init__(self):
        self.state = 1

    def uniform(self, limit, *shape):
        """Numbers from -limit to limit."""
        state, values = self.state, []
        for _ in range(math.prod(shape)):
            state = (state * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
            values.append(limit * (2.0 * ((state >> 8) / (1 << 24)) - 1.0))
        self.state = state
        return torch.tensor(values, dtype=torch.float32).reshape(shape)


def gates(ours):
    """Input, output, forget, cell, as the benchmark has them, in PyTorch's order."""
    into, out, forget, cell = ours.chunk(4)
    return torch.cat([into, forget, cell, out])


@torch.no_grad()
def fill(network, draws):
    """Gives the network the benchmark's weights. Of PyTorch's two biases the second starts at zero."""
    limit = 1.0 / math.sqrt(HIDDEN)
    for layer in range(LAYERS):
        inputs = BANDS if layer == 0 else HIDDEN
        for name, shape in (("weight_ih", (4 * HIDDEN, inputs)), ("weight_hh", (4 * HIDDEN, HIDDEN)),
                            ("bias_ih", (4 * HIDDEN,))):
            getattr(network.lstm, f"{name}_l{layer}").copy_(gates(draws.uniform(limit, *shape)))
        getattr(network.lstm, f"bias_hh_l{layer}").zero_()
    for linear in network.head[::2]:
        outputs, inputs = linear.weight.shape
        limit = 1.0 / math.sqrt(inputs)
        linear.weight.copy_(draws.uniform(limit, outputs, inputs))
        linear.bias.copy_(draws.uniform(limit, outputs))


def main():
    """Answers every line of standard input."""
    if len(sys.argv) not in (4, 5):
        raise SystemExit("usage: python train_peer.py THREADS FRAMES BATCH [DEVICE]")
    threads, frames, batch = (int(arg) for arg in sys.argv[1:4])
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    # Gradients fade over hundreds of steps. Where the processor is slow with what is left of them, PyTorch would take up to seven
    # times as long; Earworm takes it for zero, too. Before any thread is started, as they inherit it.
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
    network, draws = Network(), Draws()
    fill(network, draws)
    network.to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    judge = nn.BCEWithLogitsLoss()
    x = (draws.uniform(20.0, frames, batch, BANDS) - 20.0).to(device)
    y = (torch.arange(batch) % 2).float().to(device)

    def step():
        optimiser.zero_grad()
        loss = judge(network(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        return loss.item()

    print(f"ready {torch.__version__}", flush=True)
    for line in sys.stdin:
        steps = []
        for _ in range(int(line)):
            start = time.perf_counter()
            loss = step()
            steps.append(f"{1e3 * (time.perf_counter() - start):.3f}/{loss:.7f}")
        print(" ".join(steps), flush=True)


if __name__ == "__main__":
    main()
