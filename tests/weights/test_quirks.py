"""What real files of weights are made otherwise: each is recognised, loads strictly, and it is said."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archc
from archc.backends.weights import WeightsError
from archc.network import Network, Weighted, WeightsWarning
from tests.support.vision import import_torchvision
from tests.weights.files import network, old_densenet, old_mnasnet, training_checkpoint
from tests.zoo.reference import by_name

SMALL = [3, 64, 64]


def image(side: int = 64) -> Tensor:
    return torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(1))


def same(ours: nn.Module, theirs: nn.Module, side: int = 64) -> bool:
    """Whether two networks give the same, bit for bit."""
    x = image(side)
    with torch.inference_mode():
        expected, given = by_name(theirs.eval()(x)), by_name(ours.eval()(x))
    return all(torch.equal(given[key], value) for key, value in expected.items())


def loaded(net: Network, path: Path, **how: Any) -> Weighted:
    found = net.load_weights(path, **how)
    assert found.report.ok, found.report
    return found


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    return network("resnet18")


@pytest.fixture
def net() -> Network:
    return archc.compile("resnet18", input=SMALL)


def test_a_state_dict_in_half_precision_has_counts_that_are_no_integers(
    tmp_path: Path, resnet: nn.Module, net: Network
) -> None:
    halved = {key: value.half() for key, value in resnet.state_dict().items()}
    halved["bn1.num_batches_tracked"].fill_(float("inf"))  # as a count of 100,000 becomes
    torch.save(halved, tmp_path / "half.pth")
    module = loaded(net, tmp_path / "half.pth").module()
    assert module.state_dict()["layer1.0.bn1.num_batches_tracked"].dtype == torch.int64
    assert same(module, deepcopy(resnet).half().float())


# --- what families are known for ------------------------------------------------------------------------------------


def test_densenet_s_old_names_and_batches_that_were_not_counted(tmp_path: Path) -> None:
    theirs = network("densenet121")
    path = old_densenet(tmp_path / "densenet121-a639ec97.pth", theirs)
    found = loaded(archc.compile("densenet121", input=SMALL), path)
    layers = sum((6, 12, 24, 16))
    assert len(found.report.renamed) == layers * (4 + 1 + 4 + 1)
    old = "features.denseblock1.denselayer1.norm.1.weight"
    assert found.report.renamed[old] == "features.denseblock1.denselayer1.norm1.weight"
    assert len(found.report.counters) == 2 * layers + 5
    assert any(f"{len(found.report.counters)} num_batches_tracked are 0" in note for note in found.notes)
    module = found.module()
    assert same(module, theirs)
    assert module.state_dict()["features.norm0.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize(
    ("name", "file", "side"),
    [("googlenet", "googlenet-1378be20.pth", 64), ("inception_v3", "inception_v3_google-0cc3c7bd.pth", 299)],
)
def test_torchvision_s_own_inception_files_set_transform_input(tmp_path: Path, name: str, file: str, side: int) -> None:
    theirs = network(name, transform_input=True)
    torch.save(theirs.state_dict(), tmp_path / file)
    found = loaded(archc.compile(name, input=[3, side, side]), tmp_path / file)
    assert found.network.graph.params["transform_input"] is True
    assert [p.name for p in found.report.params] == ["transform_input"]
    assert f"{name}.yaml:" in found.notes[0] and found.notes[0].startswith("transform_input=true: its name is ")
    with pytest.warns(WeightsWarning, match="transform_input=true: its name is"):
        module = archc.compile(name, input=[3, side, side]).module(weights=tmp_path / file)
    assert same(module, theirs, side)


def test_what_the_caller_sets_goes_before_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "googlenet-1378be20.pth"
    theirs = network("googlenet")
    torch.save(theirs.state_dict(), path)
    found = loaded(archc.compile("googlenet", input=SMALL, transform_input=False), path)
    assert found.report.params == ()
    assert any(note.startswith("transform_input=false, as asked; the file is of") for note in found.notes)
    assert same(found.module(), theirs)


@pytest.mark.parametrize(("name", "side"), [("googlenet", 64), ("inception_v3", 299)])
def test_files_without_auxiliary_heads_make_the_network_be_without(tmp_path: Path, name: str, side: int) -> None:
    theirs = network(name, aux_logits=False)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    found = loaded(archc.compile(name, input=[3, side, side]), tmp_path / "w.pth")
    assert found.network.graph.params["aux"] is False
    assert [p.name for p in found.report.params] == ["aux"]
    assert len(found.report.loaded) == len(theirs.state_dict())
    assert same(found.module(), theirs, side)


@pytest.mark.parametrize(("name", "side"), [("googlenet", 64), ("inception_v3", 299)])
def test_a_network_without_auxiliary_heads_leaves_those_of_the_file_and_counts_them(
    tmp_path: Path, name: str, side: int
) -> None:
    theirs = network(name)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    net = archc.compile(name, input=[3, side, side], aux=False)
    found = loaded(net, tmp_path / "w.pth")
    assert len(found.report.dropped) == len(theirs.state_dict()) - len(net.graph.state) > 0
    assert any(f"left out of the file: {len(found.report.dropped)} tensors" in note for note in found.notes)
    assert same(found.module(), theirs, side)


@pytest.mark.parametrize("alpha", [0.5, 0.75, 1.0, 1.3])
def test_old_mnasnet_files_have_a_stem_of_one_width(tmp_path: Path, alpha: float) -> None:
    theirs = old_mnasnet(tmp_path / "old.pth", alpha)
    name = f"mnasnet{str(alpha).replace('.', '_')}"
    found = loaded(archc.compile(name, input=SMALL), tmp_path / "old.pth")
    said = [] if alpha == 1.0 else ["scaled_stem"]  # where it changes nothing, nothing is said
    assert [p.name for p in found.report.params] == said
    assert same(found.module(), theirs)


@pytest.mark.parametrize("old", [False, True])
def test_files_of_faster_r_cnn_hold_the_backbone(tmp_path: Path, old: bool) -> None:
    models = import_torchvision().models
    theirs = models.detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
    state = theirs.state_dict()
    if old:
        state = {re.sub(r"(_blocks\.\d)\.0\.", r"\1.", k): v for k, v in state.items() if "num_batches" not in k}
    torch.save(state, tmp_path / "w.pth")
    found = loaded(archc.compile("resnet50_fpn", input=SMALL), tmp_path / "w.pth")
    others = sum(not key.startswith("backbone.") for key in theirs.state_dict())
    assert len(found.report.dropped) == others > 0
    given = found.module().state_dict()
    for key, value in theirs.backbone.state_dict().items():
        assert torch.equal(given[key], value), key


# --- wrappers and checkpoints ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.module.model."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_prefixes_of_wrappers(tmp_path: Path, resnet: nn.Module, net: Network, prefix: str, suffix: str) -> None:
    from safetensors.torch import save_file

    path = tmp_path / f"w{suffix}"
    state = {prefix + key: value for key, value in resnet.state_dict().items()}
    (save_file if suffix == ".safetensors" else torch.save)(state, path)
    found = loaded(net, path)
    assert sum(prefix.count(p) for p in ("module.", "_orig_mod.", "model.")) == len(found.notes)
    assert same(found.module(), resnet)


def test_real_wrappers(tmp_path: Path, resnet: nn.Module, net: Network) -> None:
    for i, wrapped in enumerate((nn.DataParallel(resnet), torch.compile(resnet, backend="eager"))):
        torch.save(wrapped.state_dict(), tmp_path / f"{i}.pth")
        assert same(loaded(net, tmp_path / f"{i}.pth").module(), resnet)


def test_a_prefix_that_the_network_itself_has_stays(tmp_path: Path) -> None:
    (tmp_path / "n.yaml").write_text("input: [3, 8, 8]\nbody:\n  model:\n    conv: conv(4, 3)\n")
    net = archc.compile(tmp_path / "n.yaml")
    state = net.module().state_dict()
    assert list(state) == ["model.conv.weight", "model.conv.bias"]
    for prefix in ("", "module."):
        torch.save({prefix + key: value for key, value in state.items()}, tmp_path / "w.pth")
        assert loaded(net, tmp_path / "w.pth").report.loaded == tuple(state)


def test_other_tensors_beside_a_wrapped_network_are_said_to_be_unexpected(
    tmp_path: Path, resnet: nn.Module, net: Network
) -> None:
    state = {f"model.{key}": value for key, value in resnet.state_dict().items()}
    torch.save({"state_dict": {**state, "criterion.weight": torch.ones(3)}, "epoch": 1}, tmp_path / "w.ckpt.pth")
    with pytest.raises(WeightsError, match=r"122 of 122 weights fit\n  1 unexpected:\n    `criterion.weight`"):
        net.load_weights(tmp_path / "w.ckpt.pth")
    assert same(net.load_weights(tmp_path / "w.ckpt.pth", partial=True).module(), resnet)


@pytest.mark.parametrize("name", ["model", "state_dict", "model_state_dict", "net"])
def test_a_checkpoint_holds_its_weights_under_a_name(
    tmp_path: Path, resnet: nn.Module, net: Network, name: str
) -> None:
    torch.save({"epoch": 3, name: resnet.state_dict(), "best": 0.7}, tmp_path / "w.pth")
    found = loaded(net, tmp_path / "w.pth")
    assert found.notes == [f"a checkpoint: the weights are those under {name!r}"]
    assert same(found.module(), resnet)


def test_a_checkpoint_of_torchvision_s_training_scripts(tmp_path: Path, resnet: nn.Module, net: Network) -> None:
    path = tmp_path / "checkpoint.pth"
    averaged = training_checkpoint(path, resnet)
    plain = loaded(net, path)
    assert "averaged weights (EMA) stand there too, under 'model_ema': --ema takes them" in plain.notes
    assert same(plain.module(), resnet)
    state = loaded(net, path, ema=True).module().state_dict()
    assert all(torch.equal(state[key], value) for key, value in averaged.items())
    assert not torch.equal(state["conv1.weight"], resnet.state_dict()["conv1.weight"])


@pytest.mark.parametrize("name", ["state_dict_ema", "ema_state_dict", "model_ema", "ema"])
def test_names_of_averaged_weights(tmp_path: Path, resnet: nn.Module, net: Network, name: str) -> None:
    content = {"module": resnet.state_dict(), "updates": 3} if name == "ema" else resnet.state_dict()
    torch.save({name: content, "epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=f"holds averaged weights alone, under '{name}': ask for them"):
        net.load_weights(tmp_path / "w.pth")
    assert same(loaded(net, tmp_path / "w.pth", ema=True).module(), resnet)


def test_averaged_weights_alone_in_a_file(tmp_path: Path, resnet: nn.Module, net: Network) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(resnet)
    torch.save(averaged.state_dict(), tmp_path / "w.pth")
    for ema in (False, True):
        found = loaded(net, tmp_path / "w.pth", ema=ema)
        assert "these are averaged weights (AveragedModel)" in found.notes
        assert same(found.module(), resnet)


def test_averaged_weights_where_there_are_none(tmp_path: Path, resnet: nn.Module, net: Network) -> None:
    training_checkpoint(tmp_path / "a.pth", resnet, ema=False)
    torch.save(resnet.state_dict(), tmp_path / "b.pth")
    loaded(net, tmp_path / "b.pth")
    net.load_weights(tmp_path / "b.pth").save(tmp_path / "c.safetensors")
    for name, said in (("a.pth", "no averaged weights"), ("b.pth", "no averaged"), ("c.safetensors", "no averaged")):
        with pytest.raises(WeightsError, match=said):
            net.load_weights(tmp_path / name, ema=True)


def test_keys_in_any_order(tmp_path: Path, resnet: nn.Module, net: Network) -> None:
    torch.save(dict(reversed(resnet.state_dict().items())), tmp_path / "w.pth")
    assert same(loaded(net, tmp_path / "w.pth").module(), resnet)


# --- another number of classes, and files that fit in part ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fresh"),
    [
        ("resnet18", ["fc.weight", "fc.bias"]),
        ("squeezenet1_1", ["classifier.1.weight", "classifier.1.bias"]),
        ("googlenet", ["aux1.fc2.weight", "aux1.fc2.bias", "aux2.fc2.weight", "aux2.fc2.bias", "fc.weight", "fc.bias"]),
    ],
)
def test_another_number_of_classes_starts_the_classifier_fresh(tmp_path: Path, name: str, fresh: list[str]) -> None:
    theirs = network(name)
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    found = loaded(archc.compile(name, input=SMALL, num_classes=10), tmp_path / "w.pth", seed=3)
    assert list(found.report.fresh) == fresh and found.report.classes == (1000, 10)
    assert found.notes[0].endswith("start fresh (seed 3): num_classes=10, the file has 1000")
    state = found.module().state_dict()
    for key, value in theirs.state_dict().items():
        assert key in fresh or torch.equal(state[key], value), key
    assert state[fresh[0]].shape[0] == 10 and state[fresh[0]].std() > 0
    again = found.network.load_weights(tmp_path / "w.pth", seed=3).module().state_dict()
    assert torch.equal(again[fresh[0]], state[fresh[0]])


def test_the_file_may_have_any_number_of_classes(tmp_path: Path) -> None:
    torch.save(network("resnet18", num_classes=21).state_dict(), tmp_path / "w.pth")
    assert loaded(archc.compile("resnet18", num_classes=10), tmp_path / "w.pth").report.classes == (21, 10)
    with pytest.raises(WeightsError, match="help: the file is of 21 classes: --set num_classes=21 takes them"):
        archc.compile("resnet18").load_weights(tmp_path / "w.pth")


def test_a_shape_that_does_not_follow_from_the_classes_is_no_classifier(tmp_path: Path) -> None:
    state = network("resnet18").state_dict()
    state["fc.weight"] = torch.ones(1000, 99)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"`fc\.weight` is 1000 × 99, not 10 × 512"):
        archc.compile("resnet18", num_classes=10).load_weights(tmp_path / "w.pth")


def test_module_warns_of_what_it_did_not_load(tmp_path: Path, resnet: nn.Module) -> None:
    state = resnet.state_dict()
    torch.save({key: value for key, value in state.items() if not key.startswith("layer4.1.")}, tmp_path / "w.pth")
    net = archc.compile("resnet18", input=SMALL)
    with pytest.raises(WeightsError, match="110 of 122 weights fit"):
        net.module(weights=tmp_path / "w.pth")
    with pytest.warns(WeightsWarning, match=r"12 weights start fresh \(seed 0\)"):
        module = net.module(weights=tmp_path / "w.pth", partial=True)
    given = module.state_dict()
    assert all(torch.equal(given[k], v) for k, v in state.items() if not k.startswith("layer4.1."))
    assert not torch.equal(given["layer4.1.conv1.weight"], state["layer4.1.conv1.weight"])


def test_a_file_of_another_network_has_nothing_to_load(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="has none of the weights of resnet18"):
        archc.compile("resnet18").load_weights(tmp_path / "w.pth", partial=True)


def test_the_module_can_be_trained_and_keeps_the_file_as_it_is(tmp_path: Path, resnet: nn.Module, net: Network) -> None:
    loaded_ = net.load_weights(resnet.state_dict())
    loaded_.save(tmp_path / "w.safetensors")
    before = (tmp_path / "w.safetensors").read_bytes()
    module = net.module(weights=tmp_path / "w.safetensors").train()
    module(image()).sum().backward()
    torch.optim.SGD(module.parameters(), 1.0).step()
    assert all(p.requires_grad for p in module.parameters())
    assert not torch.equal(module.state_dict()["conv1.weight"], resnet.state_dict()["conv1.weight"])
    assert (tmp_path / "w.safetensors").read_bytes() == before


def test_constants_of_layers_are_there_in_a_module_with_weights(tmp_path: Path) -> None:
    theirs = network("googlenet", transform_input=True, aux_logits=False)
    net = archc.compile("googlenet", input=SMALL, transform_input=True, aux=False)
    assert same(net.module(weights=theirs.state_dict()), theirs)
