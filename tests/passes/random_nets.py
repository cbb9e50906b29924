"""Random specs for deployment: convolutions, norms, pools and joins of any stride and padding, in any order."""

from __future__ import annotations

from random import Random

ACTIVATIONS = ["relu", "relu6", "silu", "gelu", "hardswish", "hardsigmoid", "sigmoid", "leaky_relu", "tanh", "elu"]
SAME = ["scale(0.3)", "dropout", "identity", "layer_norm2d", "lrn(3)", "batch_norm", "prelu"]


class Nets:
    """Writes one spec from a seed. A map is known by name, channels and size; all are square."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.known = [("x", self.random.choice([1, 2, 3, 4, 6]), self.random.choice([5, 8, 9, 12]))]
        self.lines: list[str] = []

    def write(self) -> str:
        (_, channels, size) = self.known[0]
        kinds = [self.conv, self.conv, self.norm, self.avg_pool, self.max_pool, self.join, self.gate, self.other]
        for _ in range(self.random.randint(5, 12)):
            self.random.choice(kinds)(*(self.known[-1] if self.maybe(0.7) else self.random.choice(self.known)))
        head = ["head:", "  pool: global_avg_pool", "  flatten: flatten", "  fc: linear(4)"]
        chosen = self.random.sample(self.known, min(len(self.known), 3))
        outputs = [f"outputs: {{{', '.join(f'y{i}: {name}' for i, (name, _, _) in enumerate(chosen))}}}"]
        end = head if self.maybe(0.5) else outputs
        text = ["name: deploy", f"input: [{channels}, {size}, {size}]", "body:", "  first: identity", *self.lines, *end]
        return "\n".join(text) + "\n"

    def maybe(self, part: float) -> bool:
        return self.random.random() < part

    def add(self, wiring: str, op: str, channels: int, size: int) -> str:
        name = f"l{len(self.lines)}"
        self.lines.append(f"  {name} <- {wiring}: {op}")
        self.known.append((name, channels, size))
        return name

    def conv(self, x: str, channels: int, size: int) -> None:
        kernel, stride = self.random.choice([1, 1, 2, 3]), self.random.choice([1, 1, 2])
        padding = self.random.choice([0, kernel // 2])
        made = (size + 2 * padding - kernel) // stride + 1
        if made < 1:
            return
        out = self.random.choice([1, 2, 4, 6, 8])
        groups = self.random.choice([1, 1, channels]) if out % channels == 0 else 1
        window = f"{kernel}, stride={stride}, padding={padding}, groups={groups}"
        name = self.add(x, f"conv({out}, {window}, bias={self.maybe(0.5)})", out, made)
        if self.maybe(0.4):
            name = self.add(name, "batch_norm", out, made)
        if self.maybe(0.4):
            self.add(name, self.random.choice(ACTIVATIONS), out, made)

    def norm(self, x: str, channels: int, size: int) -> None:
        name = self.add(x, "batch_norm", channels, size)
        name = self.add(name, "relu", channels, size) if self.maybe(0.8) else name
        self.add(name, f"conv(4, 1, bias={self.maybe(0.5)})", 4, size)

    def avg_pool(self, x: str, channels: int, size: int) -> None:
        self.pool("avg_pool", f", count_include_pad={self.maybe(0.5)}", x, channels, size)
        if self.maybe(0.6):
            name, _, made = self.known[-1]
            out = self.random.choice([1, 4, 16])
            self.add(name, f"conv({out}, 1)", out, made)

    def max_pool(self, x: str, channels: int, size: int) -> None:
        self.pool("max_pool", "", x, channels, size)

    def pool(self, op: str, more: str, x: str, channels: int, size: int) -> None:
        kernel, stride, ceil = self.random.choice([1, 2, 3]), self.random.choice([1, 2]), self.maybe(0.3)
        padding = self.random.choice([0, kernel // 2])
        if size + 2 * padding < kernel:
            return
        made = (size + 2 * padding - kernel + (stride - 1) * ceil) // stride + 1
        made -= ceil and (made - 1) * stride >= size + padding
        self.add(x, f"{op}({kernel}, stride={stride}, padding={padding}, ceil_mode={ceil}{more})", channels, made)

    def join(self, x: str, channels: int, size: int) -> None:
        alike = [one for one in self.known if one[2] == size]
        if self.maybe(0.5):
            parts = [self.random.choice(alike) for _ in range(self.random.randint(1, 3))]
            total = channels + sum(part[1] for part in parts)
            self.add(", ".join([x, *(part[0] for part in parts)]), "concat", total, size)
        else:
            other = self.random.choice([one for one in alike if one[1] == channels])
            self.add(f"{x}, {other[0]}", self.random.choice(["add", "mul"]), channels, size)

    def gate(self, x: str, channels: int, size: int) -> None:
        """Squeeze and excitation."""
        number = len(self.lines)
        squeezed = [("pool", x, "global_avg_pool"), ("less", f"pool{number}", "conv(2, 1)")]
        excited = [("more", f"less{number}", f"conv({channels}, 1)"), ("gate", f"more{number}", "hardsigmoid")]
        self.lines += [f"  {name}{number} <- {source}: {op}" for name, source, op in [*squeezed, *excited]]
        self.add(f"gate{number}, {x}", "mul", channels, size)

    def other(self, x: str, channels: int, size: int) -> None:
        if self.maybe(0.3):
            self.add(x, self.random.choice(["pad(1)", "pad([2, 0, 0, 2])"]), channels, size + 2)
        elif self.maybe(0.3):
            name, _, other = self.random.choice(self.known)
            mode = self.random.choice(["nearest", "bilinear", "bicubic"])
            self.add(f"{x}, {name}", f'resize_like(mode="{mode}")', channels, other)
        else:
            self.add(x, self.random.choice(SAME), channels, size)
