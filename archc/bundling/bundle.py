"""``archc bundle``: models into a model repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

from archc.bundling import config, labels, model, options, repository, tuned
from archc.diagnostics.diagnostic import RequestError
from archc.runtime.errors import ModelError
from archc.runtime.settings import Settings

MODEL, PROFILE, SERVER = "model.onnx", "model.profile.json", "serve.py"


@dataclass(frozen=True)
class Request:
    """What is asked of a bundle; ``Serving`` has most of it. ``settings`` None: those beside the model, if any."""

    version: int = 1
    device: str | None = None
    instances: int = 1
    max_batch: int = 32
    preferred: tuple[int, ...] = ()
    delay: int = 0
    serve: bool = False
    settings: Settings | None = None


@dataclass(frozen=True)
class Bundled:
    """A model that was written: ``files`` in ``folder``, its place in the repository.

    ``left`` is what Triton is not told, and why; ``notes`` say where its options are from.
    """

    folder: Path
    version: int
    model: model.ModelFile
    max_batch: int  # 0: requests are not put together
    device: str | None  # gpu or cpu; None: left to Triton
    files: tuple[Path, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...]


def bundle(
    models: Sequence[Path], out: Path, request: Request | None = None, *, name: str | None = None, force: bool = False
) -> tuple[Bundled, ...]:
    """Write models, each under its file's name or the one under ``name``, into the model repository ``out``.

    Nothing is written unless all of them can be. Raises ModelError, RequestError, OSError and WriteError.
    """
    request = request or Request()
    names = _names(models, name)
    drafts = [_draft(path, out / each, request) for path, each in zip(models, names, strict=True)]
    repository.write([entry for entry, _ in drafts], out, force=force)
    return tuple(made for _, made in drafts)


def _names(models: Sequence[Path], name: str | None) -> list[str]:
    if name is not None and len(models) > 1:
        raise RequestError("one name is given for several models", "each is named as its file is, without --name")
    names = [path.name.removesuffix(".onnx") if name is None else name for path in models]
    for each in names:
        repository.check_name(each)
    if twice := [each for each, times in Counter(names).items() if times > 1]:
        same = ", ".join(str(path) for path, each in zip(models, names, strict=True) if each == twice[0])
        raise RequestError(f"{same} would all be named `{twice[0]}`", "bundle them one by one, with --name")
    return names


def _draft(path: Path, folder: Path, request: Request) -> tuple[repository.Entry, Bundled]:
    """What is to be written of one model, and what is then said of it."""
    found = _read(path)
    best = tuned.of_model(path, request.device or _device(found))
    told = options.of_settings(request.settings or best.settings or Settings(), gpu=best.device != "cpu")
    batch = config.max_batch(found, request.max_batch)
    named, unused = labels.of_model(found, batched=batch > 0)
    serving = config.Serving(
        folder.name, best.device, request.instances, request.max_batch, request.preferred, request.delay, told,
        {label.output: label.file for label in named if label.output is not None},
    )  # fmt: skip
    texts = {"config.pbtxt": config.config(found, serving), **{label.file: label.text for label in named}}
    if request.serve:
        texts[SERVER] = server()
    profile = {PROFILE: best.file} if best.file else {}
    entry = repository.Entry(folder.name, request.version, texts, {MODEL: path, **found.external, **profile})
    files = (*(folder / str(request.version) / name for name in entry.files), *(folder / name for name in texts))
    left = (*unused, *told.left, *_idle(request, batch))
    return entry, Bundled(folder, request.version, found, batch, best.device, files, left, best.notes)


def _idle(request: Request, batch: int) -> tuple[str, ...]:
    """What is asked of a batcher that there is not. Raises RequestError for batches that it could not make."""
    if batch < 2:
        return ("the batcher's sizes and delay: requests go one by one",) if request.preferred or request.delay else ()
    if large := [size for size in request.preferred if size > batch]:
        raise RequestError(f"a batch of {large[0]} is preferred, and the largest is {batch}")
    return ()


def _read(path: Path) -> model.ModelFile:
    if not path.is_file():
        raise ModelError(f"{path} is {'a folder' if path.is_dir() else 'not there'}", "give it a file of ONNX")
    found = model.read(path)
    for name in {MODEL, PROFILE} & found.external.keys():
        raise ModelError(f"{path}: a file of its weights is named {name}, as another file of the bundle is")
    return found


def _device(found: model.ModelFile) -> str | None:
    """The device that archc built the model for."""
    from archc.backends.onnx.profiles import CPU, CUDA, PROFILES

    profile = PROFILES.get(found.metadata.get("profile", ""))
    return {CPU: "cpu", CUDA: "gpu"}.get(profile.provider or "") if profile else None


def server() -> str:
    """The example server's source."""
    return resources("archc.bundling").joinpath(SERVER).read_text(encoding="utf-8")
