"""One training step of a stacked LSTM in PyTorch, as often as asked: the peer of a speed benchmark.

    python train_peer.py THREADS FRAMES BATCH [DEVICE]

For every line on standard input it makes that many steps (forward, backward, AdamW with clipping) and prints the
milliseconds of each, separated by blanks. The network is nn.LSTM(64, 128, 3 layers), its last step, and
a head of 512, 512 and 1 with leaky rectifiers; f32; on the CPU, or DEVICE (`cuda:0`). Needs torch.
"""

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


def main():
    """Answers every line of standard input."""
    if len(sys.argv) not in (4, 5):
        raise SystemExit("usage: python train_peer.py THREADS FRAMES BATCH [DEVICE]")
    threads, frames, batch = (int(arg) for arg in sys.argv[1:4])
    device = sys.argv[4] if len(sys.argv) > 4 else "cpu"
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    network = Network().to(device)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    judge = nn.BCEWithLogitsLoss()
    x = (torch.randn(frames, batch, BANDS) * 10.0 - 20.0).to(device)
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
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        print(" ".join(f"{ms:.3f}" for ms in times), flush=True)


if __name__ == "__main__":
    main()
