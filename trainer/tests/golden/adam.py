"""Twenty steps of PyTorch's Adam and AdamW: the golden values of the trainer's optimiser.

    python adam.py > adam.json

The loss of two small tensors a and b is sum((a - c)^4) / 4 + sum(a) * sum(b^2), which a test can write down in
other operations; the learning rate changes with every step. With and without clipping, and with a loss of a alone for
the first steps. Needs torch.
"""

import json

import torch

STEPS = 20


def values(count, seed):
    """Numbers within one of zero that need no random generator."""
    return [((i * 37 + seed * 11) % 101) / 50.0 - 1.0 for i in range(count)]


def run(kind, weight_decay, clip, alone=0):
    """The weights, moments and gradient norms after all steps, the first `alone` of which know nothing of b."""
    a = torch.tensor(values(6, 1), dtype=torch.float32).reshape(2, 3).requires_grad_()
    b = torch.tensor(values(4, 2), dtype=torch.float32).requires_grad_()
    c = torch.tensor(values(6, 3), dtype=torch.float32).reshape(2, 3)
    optimiser = kind([a, b], lr=0.01, weight_decay=weight_decay)
    norms = []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = ((a - c) ** 4).sum() / 4
        if step >= alone:
            loss = loss + a.sum() * (b**2).sum()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_([a, b], clip or float("inf")).item())
        optimiser.param_groups[0]["lr"] = 0.05 / (step + 1)
        optimiser.step()
    state = [optimiser.state[tensor] for tensor in (a, b)]
    return {
        "kind": kind.__name__, "weight_decay": weight_decay, "clip": clip, "alone": alone, "norms": norms,
        "a": a.flatten().tolist(), "b": b.tolist(),
        "first.a": state[0]["exp_avg"].flatten().tolist(), "second.b": state[1]["exp_avg_sq"].tolist(),
    }


def main():
    """Prints all runs."""
    torch.set_num_threads(1)
    runs = [
        run(kind, decay, clip)
        for kind in (torch.optim.Adam, torch.optim.AdamW)
        for decay in (0.0, 0.1) for clip in (None, 1.5)
    ]
    runs += [run(kind, 0.1, 1.5, alone=8) for kind in (torch.optim.Adam, torch.optim.AdamW)]
    print(json.dumps({"torch": torch.__version__, "runs": runs}, indent=1))


if __name__ == "__main__":
    main()
