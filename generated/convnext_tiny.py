"""ConvNeXtTiny: ConvNeXt.

Liu et al., A ConvNet for the 2020s, CVPR 2022, section 2 and table 9

Written by archc 0.1.0 from specs/models/convnext.yaml:convnext_tiny (sha256 649550cc4aaa).
Edit the spec, not this file.
"""

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, zeroes whole samples with probability p and divides the others by 1 - p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        keep = x.new_empty((x.shape[0],) + (1,) * (x.dim() - 1)).bernoulli_(1.0 - self.p)
        if self.p < 1.0:
            keep.div_(1.0 - self.p)
        return x * keep

    def extra_repr(self) -> str:
        return f"p={self.p}"


class LayerNorm2d(nn.LayerNorm):
    """Layer norm over the channels of a map."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Permute(nn.Module):
    """Puts the axes, the batch's included, into the given order."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.dims)

    def extra_repr(self) -> str:
        return f"{self.dims}"


class ConvNeXtBlock(nn.Module):
    def __init__(self, in_channels: int, drop: float) -> None:
        super().__init__()
        self.layer_scale = nn.Parameter(torch.full((in_channels, 1, 1), 1e-6))
        self.block = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 7, padding=3, groups=in_channels),
            Permute((0, 2, 3, 1)),
            nn.LayerNorm(in_channels, eps=1e-6),
            nn.Linear(in_channels, 4 * in_channels),
            nn.GELU(),
            nn.Linear(4 * in_channels, in_channels),
            Permute((0, 3, 1, 2)),
        )
        self.stochastic_depth = DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        y = self.stochastic_depth(self.layer_scale * self.block(x))
        y += x
        return y


class ConvNeXtDownsample(nn.Sequential):
    def __init__(self, in_channels: int, out: int) -> None:
        super().__init__(LayerNorm2d(in_channels, eps=1e-6), nn.Conv2d(in_channels, out, 2, stride=2))


class ConvNeXtTiny(nn.Module):
    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, 96, 4, stride=4), LayerNorm2d(96, eps=1e-6)),
            nn.Sequential(
                ConvNeXtBlock(96, 0.0),
                ConvNeXtBlock(96, 0.0058823529411764705),
                ConvNeXtBlock(96, 0.011764705882352941),
            ),
            ConvNeXtDownsample(96, 192),
            nn.Sequential(
                ConvNeXtBlock(192, 0.017647058823529415),
                ConvNeXtBlock(192, 0.023529411764705882),
                ConvNeXtBlock(192, 0.029411764705882353),
            ),
            ConvNeXtDownsample(192, 384),
            nn.Sequential(
                ConvNeXtBlock(384, 0.03529411764705883),
                ConvNeXtBlock(384, 0.0411764705882353),
                ConvNeXtBlock(384, 0.047058823529411764),
                ConvNeXtBlock(384, 0.052941176470588235),
                ConvNeXtBlock(384, 0.058823529411764705),
                ConvNeXtBlock(384, 0.06470588235294118),
                ConvNeXtBlock(384, 0.07058823529411766),
                ConvNeXtBlock(384, 0.07647058823529412),
                ConvNeXtBlock(384, 0.0823529411764706),
            ),
            ConvNeXtDownsample(384, 768),
            nn.Sequential(
                ConvNeXtBlock(768, 0.08823529411764706),
                ConvNeXtBlock(768, 0.09411764705882353),
                ConvNeXtBlock(768, 0.1),
            ),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(LayerNorm2d(768, eps=1e-6), nn.Flatten(), nn.Linear(768, num_classes))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(x)))
