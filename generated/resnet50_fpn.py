"""ResNet50Fpn: ResNet-50 with a feature pyramid, the backbone of Faster and Mask R-CNN.

Lin et al., Feature Pyramid Networks for Object Detection, CVPR 2017, section 4; He et al., Deep Residual Learning
for Image Recognition, CVPR 2016, table 1

Written by archc 0.1.0 from specs/models/resnet50_fpn.yaml:resnet50_fpn (sha256 bf044cf43204).
Edit the spec, not this file.
"""

from torch import Tensor, nn


class Bottleneck(nn.Module):
    def __init__(self, in_channels: int, width: int, stride: int = 1, *, downsample: bool = False) -> None:
        super().__init__()
        out_channels = 4 * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample = (
            nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False), nn.BatchNorm2d(out_channels)
            )
            if downsample
            else nn.Identity()
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu1(self.bn1(self.conv1(x)))
        y = self.relu2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += self.downsample(x)
        return self.relu(y)


class Body(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(Bottleneck(64, 64, downsample=True), Bottleneck(256, 64), Bottleneck(256, 64))
        self.layer2 = nn.Sequential(
            Bottleneck(256, 128, stride=2, downsample=True), *(Bottleneck(512, 128) for _ in range(3))
        )
        self.layer3 = nn.Sequential(
            Bottleneck(512, 256, stride=2, downsample=True), *(Bottleneck(1024, 256) for _ in range(5))
        )
        self.layer4 = nn.Sequential(
            Bottleneck(1024, 512, stride=2, downsample=True), Bottleneck(2048, 512), Bottleneck(2048, 512)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.maxpool(x)
        layer1 = self.layer1(x)
        layer2 = self.layer2(layer1)
        layer3 = self.layer3(layer2)
        layer4 = self.layer4(layer3)
        return layer1, layer2, layer3, layer4


class Fpn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(256, 256, 1)),
                nn.Sequential(nn.Conv2d(512, 256, 1)),
                nn.Sequential(nn.Conv2d(1024, 256, 1)),
                nn.Sequential(nn.Conv2d(2048, 256, 1)),
            ]
        )
        self.layer_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(256, 256, 3, padding=1)) for _ in range(4))
        self.pool = nn.MaxPool2d(1, stride=2)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        inner_blocks_0 = self.inner_blocks[0](maps[0])
        inner_blocks_1 = self.inner_blocks[1](maps[1])
        inner_blocks_2 = self.inner_blocks[2](maps[2])
        inner_blocks_3 = self.inner_blocks[3](maps[3])
        merged2 = inner_blocks_2 + nn.functional.interpolate(inner_blocks_3, inner_blocks_2.shape[2:])
        merged1 = inner_blocks_1 + nn.functional.interpolate(merged2, inner_blocks_1.shape[2:])
        y = inner_blocks_0 + nn.functional.interpolate(merged1, inner_blocks_0.shape[2:])
        layer_blocks_0 = self.layer_blocks[0](y)
        layer_blocks_1 = self.layer_blocks[1](merged1)
        layer_blocks_2 = self.layer_blocks[2](merged2)
        layer_blocks_3 = self.layer_blocks[3](inner_blocks_3)
        pool = self.pool(layer_blocks_3)
        return [layer_blocks_0, layer_blocks_1, layer_blocks_2, layer_blocks_3, pool]


class ResNet50Fpn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = Body()
        self.fpn = Fpn()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for name, weight in self.named_parameters():
            if name.startswith("fpn.") and name.endswith(".weight"):
                nn.init.kaiming_uniform_(weight, a=1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        layer1, layer2, layer3, layer4 = self.body(x)
        fpn = self.fpn([layer1, layer2, layer3, layer4])
        return {"0": fpn[0], "1": fpn[1], "2": fpn[2], "3": fpn[3], "pool": fpn[4]}
