"""Networks of one to six layers with few channels: in these roundings cost much, or cancel, or saturate."""

from __future__ import annotations

from random import Random

ACTIVATIONS = ["relu", "sigmoid", "hardswish", "silu", "tanh", "hardsigmoid", "leaky_relu", "relu6"]
POOLED = ["  p: global_avg_pool", "  f: flatten"]


def tiny(seed: int) -> str:
    """A spec, by a seed."""
    random = Random(seed)
    channels, size = random.choice([1, 2, 3]), random.choice([4, 6, 8, 16])
    layers: list[str] = []
    for i in range(random.randint(1, 4)):
        layers += _layer(random, i)
    head = random.choice([_classifier(random), _map(random), POOLED])
    return "\n".join(["name: tiny", f"input: [{channels}, {size}, {size}]", "body:", *layers, "head:", *head]) + "\n"


def _layer(random: Random, i: int) -> list[str]:
    act = random.choice(ACTIVATIONS)
    kinds = [
        [f"  l{i}: conv({random.choice([1, 2, 3, 8])}, {random.choice([1, 3])}, padding=1)"],
        [f"  l{i}: {act}"],
        [f"  l{i}: batch_norm"],
        [f"  l{i}: {random.choice(['avg_pool(2, ceil_mode=True)', 'max_pool(2, ceil_mode=True)'])}"],
        [f"  l{i}: conv(4, 3, padding=1)", f"  m{i}: {act}"],
    ]
    return random.choice(kinds)


def _classifier(random: Random) -> list[str]:
    last = random.choice([[], ["  s: sigmoid"], ["  s: softmax"], ["  s: hardswish"]])
    return [*POOLED, f"  fc: linear({random.choice([1, 2, 5])})", *last]


def _map(random: Random) -> list[str]:
    return ["  last: conv(2, 1)", f"  o: {random.choice(ACTIVATIONS)}"]
