"""Random specs: blocks called many times, wired at random. All maps are 8 × 6 × 6, so that any wiring fits."""

from __future__ import annotations

from random import Random

HEAD = """\
name: random
input: [8, 6, 6]
blocks:
  two(w) <- x, skip:
    first <- x: conv(8, 1)
    sum <- skip, first: add
    wide: conv(w, 1)
    back: conv(8, 1)
  many(k):
    a: conv(8, 1)
    b <- x: relu
    if k:
      c <- a: sigmoid
    else:
      c <- b, a: add
    all <- a, b, c: tuple
  take(k) <- c:
    sum <- c[0], c[1]: add
    product <- sum, c[2]: mul
    if k:
      more <- product, c[0]: add
  tree(depth):
    norm: batch_norm
    if depth > 0:
      inner: tree(depth - 1)
      join <- inner, norm: add
"""
LAYERS = [
    "conv(8, 1)",
    "conv(8, 3, padding=1)",
    "conv(8, 3, padding=1, groups=8, bias=False)",
    "batch_norm",
    "relu",
    "silu",
    "hardswish",
    "sigmoid",
    "gelu",
    "dropout",
    "dropout(0.3)",
    "leaky_relu",
    "leaky_relu(0.2)",
    "elu",
    "drop_path(0.2)",
    "drop_path(0.0)",
    "identity",
    "max_pool(3, stride=1, padding=1)",
    "scale(0.5)",
]
VALUES = {"w": ["4", "8", "16"], "flag": ["True", "False"], "n": ["1", "2", "3"], "act": ["relu", "silu", "identity"]}
NAMES = ["conv", "in", "class", "out", "up-", "keys", "append", "y", "layer_"]


class Specs:
    """Writes one spec from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.count = 0
        self.blocks: dict[str, list[str]] = {}

    def write(self) -> str:
        lines = [HEAD.rstrip("\n")]
        for i in range(self.random.randint(1, 4)):
            parameters = self.random.sample(list(VALUES), self.random.randint(0, 3))
            make = self.listed if self.random.random() < 0.35 else self.named
            lines += [f"  block{i}({', '.join(parameters)}):", *make(4, parameters, depth=0)]
            self.blocks[f"block{i}"] = parameters
        lines += ["body:", *self.named(2, [], depth=0), *self.calls()]
        if self.random.random() < 0.4:
            lines += ["outputs: {y: call1}", self.random.choice(["train_outputs: {y: call1, aux: call0}", "init: {}"])]
        return "\n".join(lines) + "\n"

    def name(self) -> str:
        self.count += 1
        return f"{self.random.choice(NAMES)}{self.count}"

    def layer(self) -> str:
        if self.blocks and self.random.random() < 0.2:
            return self.call()
        return self.random.choice(LAYERS)

    def call(self) -> str:
        name = self.random.choice(list(self.blocks))
        given = (f"{p}={self.random.choice(VALUES[p])}" for p in self.blocks[name])
        return f"{name}({', '.join(given)})"

    def calls(self) -> list[str]:
        """The end of the body: blocks one after the other, joined with what came before."""
        lines = [f"  call{i}: {self.call()}" for i in range(self.random.randint(2, 6))]
        for i in range(self.random.randint(0, 4)):
            flag, depth = self.random.choice(VALUES["flag"]), self.random.randint(0, 2)
            lines += self.random.choice(
                [
                    [f"  end{i} <- call0, call1: two({self.random.choice(VALUES['w'])})"],
                    [f"  maps{i}: many({flag})", f"  end{i} <- maps{i}: take({flag})"],
                    [f"  end{i}: tree({depth})"],
                    [f"  maps{i}:", "    - conv(8, 1)", "    - many(True)", f"  end{i} <- maps{i}[2], maps{i}.0: add"],
                ]
            )
        return lines

    def listed(self, indent: int, parameters: list[str], *, depth: int) -> list[str]:
        """The body of a list."""
        choices = [f"- {self.layer()}"]
        if "flag" in parameters:
            choices.append(f"- if flag: {self.layer()}")
        if "act" in parameters:
            choices.append("- act")
        if "n" in parameters:
            choices.append(f"- for i in range(n): {self.layer()}")
        lines = [self.random.choice(choices) for _ in range(self.random.randint(1, 4))]
        wide = ["- conv(w, 1)", "- conv(8, 1)"] if "w" in parameters else []
        return [" " * indent + line for line in [*lines, *wide]]

    def named(self, indent: int, parameters: list[str], *, depth: int) -> list[str]:
        """The body of a mapping."""
        lines: list[str] = []
        known = ["x"]
        for _ in range(self.random.randint(1, 5)):
            name = self.name()
            lines += self.child(name, known, parameters, depth)
            known.append(name)
        return [" " * indent + line for line in lines]

    def child(self, name: str, known: list[str], parameters: list[str], depth: int) -> list[str]:
        """The lines of one child of a mapping, which is called ``name`` and always there."""
        a, b = self.random.choice(known), self.random.choice(known)
        forms = [
            [f"{name}: {self.layer()}"],
            [f"{name} <- {a}: {self.layer()}"],
            [f"{name} <- {a}, {b}: {self.random.choice(['add', 'mul'])}"],
            [f"{name}cat <- {a}, {b}, prev: concat", f"{name}: conv(8, 1)"],
            [f"{name}parts: chunk(2)", f"{name} <- {name}parts[1], {name}parts[0]: concat"],
            [f"{name}space.{self.random.choice(['0', 'q', 'keys'])}: {self.layer()}", f"{name} <- prev, {a}: add"],
            [f"{name}gain: parameter([8, 1, 1], 0.5)", f"{name} <- {name}gain, {a}: mul"],
        ]
        if "flag" in parameters:
            more = f"  {name}more <- prev, {a}: add"
            forms.append(
                [f"if flag or {self.count} < 0:", f"  {name}in: {self.layer()}", more, f"{name}: {self.layer()}"]
            )
        if "w" in parameters:
            forms.append([f"{name}wide: conv(w, 1)", f"{name}: conv(8, 3, padding=1)"])
        if "act" in parameters:
            forms.append([f"{name}: act"])
        if "n" in parameters:
            loop = f"for i{self.count} in range(n):"
            forms.append([loop, f"  {name}_${{i{self.count}}}: {self.layer()}", f"{name}: {self.layer()}"])
        if depth < 2:
            forms.append([f"{name}:", *self.listed(2, [], depth=depth + 1)])
            forms.append([f"{name}:", *self.named(2, [], depth=depth + 1)])
        return self.random.choice(forms)
