"""Odd shapes of networks, each a spec."""

from __future__ import annotations

HEAD = "name: net\ninput: [8, 6, 6]\n"

CASES = {
    "a root of numbers": """
        body:
          - conv(8, 3, padding=1)
          - batch_norm
          - relu
    """,
    "numbers and names": """
        body:
          - conv(8, 1)
          - act: relu
          - conv(4, 1)
    """,
    "hostile names of children": """
        body:
          class: conv(8, 1)
          in <- class, x: add
          nn: batch_norm
          torch <- in, nn: mul
          append:
            pop: conv(8, 1)
            insert: relu
          lambda-1: conv(8, 1)
          __mangled: batch_norm
          def: conv(8, 1)
          OrderedDict: relu
          Tensor <- def, lambda-1: concat
    """,
    "flags called like their children": """
        blocks:
          unit(residual):
            conv: conv(8, 1)
            if residual:
              residual <- conv, x: add
        body:
          a: unit(True)
          b: unit(False)
          c: unit(True)
    """,
    "namespaces": """
        body:
          heads.0: conv(8, 1)
          tails.a: relu
          heads.1 <- heads.0: conv(8, 1)
          tails.keys <- heads.1: batch_norm
          deep.er.0: conv(8, 1)
          held.scale: parameter([8, 1, 1], 0.5)
          held.conv <- deep.er.0: conv(8, 1)
          out <- held.scale, held.conv, tails.a: mul
    """,
    "weights of their own": """
        blocks:
          scaled(start):
            gain: parameter([x.channels, 1, 1], start)
            conv <- x: conv(x.channels, 1)
            out <- gain, conv: mul
        body:
          a: scaled(0.5)
          b: scaled(0.5)
          one: parameter([1], 1.0)
          zero: parameter([8, 1, 1])
          sum <- b, one, zero: add
    """,
    "an optional first child": """
        blocks:
          unit(width, stride, expand=True):
            body:
              - if expand: conv(width, 1)
              - conv(8, 3, stride=stride, padding=1)
              - batch_norm
            if stride == 1:
              sum <- body, x: add
        body:
          a: unit(8, 1, expand=False)
          b: unit(16, 2)
          c: unit(32, 1)
          d: unit(32, 1)
    """,
    "a shortcut that is not always there": """
        blocks:
          shortcut(out):
            if x.channels != out:
              - conv(out, 1)
              - batch_norm
          unit(out):
            conv: conv(out, 3, padding=1)
            shortcut <- x: shortcut(out)
            sum <- conv, shortcut: add
        body:
          - unit(8)
          - unit(16)
          - unit(16)
    """,
    "a block in itself": """
        blocks:
          tree(levels):
            if levels == 0:
              - conv(8, 1)
              - relu
            else:
              left: tree(levels - 1)
              right: tree(levels - 1)
              root <- left, right: concat
              join: conv(8, 1)
        body:
          a: tree(2)
          b: tree(1)
    """,
    "blocks in each other": """
        blocks:
          odd(n):
            conv: conv(8, 1)
            if n > 0:
              inner: even(n - 1)
            out <- prev, x: add
          even(n):
            norm: batch_norm
            if n > 0:
              inner: odd(n - 1)
            out <- prev, x: add
        body:
          a: odd(2)
          b: even(3)
    """,
    "lists in and out": """
        blocks:
          pyramid(out) <- c:
            top <- c[1]: conv(out, 1)
            up <- top, c[0]: resize_like
            side <- c[0]: conv(out, 1)
            merged <- side, up: add
            maps <- merged, top: tuple
        body:
          fine: conv(8, 3, padding=1)
          coarse: max_pool(2)
          maps <- fine, coarse: tuple
          fpn: pyramid(4)
        outputs: {p0: 'fpn[0]', p1: 'fpn[1]'}
    """,
    "parts of a split": """
        body:
          parts: split(3)
          swapped <- parts[2], parts[0], parts[1]: concat
          halves: chunk(2)
          product <- halves: mul
    """,
    "taps into containers": """
        blocks:
          unit:
            conv: conv(8, 3, padding=1)
            act: relu
        body:
          stages:
            - unit
            - unit
            - unit
          sum <- stages.0.conv, stages.1, stages: add
    """,
    "a layer read in one mode only": """
        body:
          trunk:
            conv1: conv(8, 1)
            act: relu
            conv2: conv(8, 1)
          aux <- trunk.conv1: conv(2, 1)
          drop <- trunk: dropout(0.5)
          probabilities: softmax
        outputs: {y: probabilities}
        train_outputs: {y: drop, aux: aux}
    """,
    "outputs of eval alone": """
        body:
          logits: conv(4, 1)
          best: softmax
          dimmed <- logits: scale(0.5)
        outputs: {best: best, dimmed: dimmed}
        train_outputs: {logits: logits}
    """,
    "layers that nothing reads": """
        blocks:
          unit(width):
            conv: conv(width, 1)
            spare: conv(2, 1)
            out <- conv: relu
        body:
          a: unit(8)
          lost:
            - conv(3, 1)
            - relu
          b <- a: unit(4)
    """,
    "the same tensor twice": """
        blocks:
          pair <- a, b:
            left <- a: conv(8, 1)
            sum <- left, b: add
        body:
          one <- x, x: pair
          two <- one, x: pair
          twice <- two, two: mul
    """,
    "layers as arguments": """
        blocks:
          unit(act, k=3):
            - conv(8, k, padding=k // 2)
            - act
        body:
          a: unit(relu)
          b: unit(identity)
          c: unit(hardswish, 1)
          d: unit(relu)
    """,
    "layers that take different arguments": """
        blocks:
          unit(act):
            - conv(8, 1)
            - act
        body:
          a: unit(relu)
          b: unit(leaky_relu(0.2))
          c: unit(sigmoid)
    """,
    "arguments that leave children out": """
        blocks:
          gate(width):
            squeeze: conv(width, 1)
            expand: conv(x.channels, 1)
            out <- expand, x: mul
          unit(act, width=0):
            - conv(8, 1)
            - if act != identity: act
            - if width: gate(width)
            - batch_norm
        body:
          a: unit(relu)
          b: unit(identity)
          c: unit(hardswish, 4)
          d: unit(relu, 2)
    """,
    "sizes in an expression": """
        blocks:
          gate(k):
            pooled: global_avg_pool
            line: reshape([1, x.channels])
            mixed: conv1d(1, k, padding=k // 2, bias=False)
            back: reshape([x.channels, 1, 1])
            out <- back, x: mul
        body:
          a: gate(3)
          widen: conv(12, 1)
          b: gate(5)
    """,
    "drop path and dropout in order": """
        blocks:
          unit(p):
            conv: conv(8, 1)
            drop: dropout(p)
            path: drop_path(p)
            sum <- path, x: add
        body:
          a: unit(0.2)
          b: unit(0.0)
          c: unit(0.5)
    """,
    "starts by ops": """
        body:
          conv: conv(4, 3)
          up: conv_transpose(8, 2, bias=False)
          norm: batch_norm
          flat: flatten
          hidden: linear(6)
          act: prelu
          fc: linear(10)
        init:
          conv, linear: {weight: "trunc_normal(std=0.02, a=-0.04, b=0.04)", bias: normal(std=0.001)}
          conv_transpose: orthogonal(gain=0.5)
          batch_norm: {weight: "uniform(0.5, 1.5)", bias: ones}
          linear: kaiming_uniform(nonlinearity="tanh")
          prelu: constant(0.1)
    """,
    "starts by patterns": """
        blocks:
          unit(kernel):
            a: conv(8, kernel)
            bn: batch_norm
        body:
          stem: conv(4, 1)
          stages:
            - unit(3)
            - unit(1)
          gate.scale: parameter([8, 1, 1])
          scaled <- stages, gate.scale: mul
          flat: flatten
          fc: linear(10)
        init:
          "stages.*.weight": uniform(-0.1, 0.1)
          "gate.scale": orthogonal
          "*.a.weight": kaiming_normal(mode="fan_out", nonlinearity="relu")
          "stages.1.a.bias": ones
          "*.bias": constant(-4.6)
          "stages.*.bn.running_var": uniform(0.5, 1.5)
          "stages.*.a.*": normal(1, 0.02)
          "fc.*": trunc_normal(std=0.02)
          "fc.weight": xavier_uniform(gain=0.1)
    """,
    "starts over fans by ops": """
        params: {gain: 2, wide: false}
        body:
          conv: conv(4, 3)
          up: conv_transpose(8, 2, bias=False)
          flat: flatten
          fc: linear(10)
        init:
          conv, conv_transpose:
            weight: normal(std=sqrt(gain / fan_out) if fan_in > 1 else 1e-3)
            bias: uniform(-1 / sqrt(fan_in), 1 / sqrt(fan_in))
          linear:
            weight: uniform(-(fan_in + fan_out) ** -0.5, (fan_in + fan_out) ** -0.5)
            bias: normal(std=max(0.01, log(2, fan_in) ** 2, min([0.5, 1 / fan_out ** 2])) if not wide else 1 / fan_in)
    """,
    "starts over fans by patterns": """
        blocks:
          unit:
            - conv(8, 1)
            - std_conv(8, 1)
        body:
          stem: conv(8, 1)
          stages:
            - unit
            - unit
          gate.scale: parameter([8, 6, 6])
          scaled <- stages, gate.scale: mul
          flat: flatten
          fc: linear(10)
        init:
          "*.weight": normal(std=1 / fan_in)
          "stages.*.bias": uniform(0, 1 / fan_out)
          "gate.*": normal(std=1 / (fan_in + fan_out))
          "*.1.*": normal(std=1 / (fan_in + fan_out))
          "fc.bias": constant(-log(fan_out))
          conv: {bias: normal(std=1 / fan_in)}
          std_conv: trunc_normal(std=sqrt(2 / fan_in))
    """,
    "a drop and a sum where shapes agree": """
        source: Someone, The MBUnit
        blocks:
          mbunit(out, stride=1):
            block: conv(out, 3, stride=stride, padding=1)
            if stride == 1 and x.channels == out:
              drop: drop_path(0.1)
              sum <- drop, x: add
        body:
          - mbunit(16, 2)
          - mbunit(16)
          - mbunit(16)
    """,
    "an output that is an input's neighbour": """
        body:
          copy: identity
          conv: conv(8, 1)
        outputs: {copy: copy, conv: conv}
    """,
}


def spec(text: str) -> str:
    """The case without its indentation, under a common head."""
    lines = text.strip("\n").splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return HEAD + "\n".join(line[indent:] for line in lines)
