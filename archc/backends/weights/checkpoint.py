"""Which part of what a file holds are the weights: it may be a checkpoint, with averaged weights beside the plain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from archc.backends.weights.tensors import WeightsError

PLAIN = ("state_dict", "model_state_dict", "model", "net")
AVERAGED = ("state_dict_ema", "ema_state_dict", "model_ema", "ema")
COUNT = "n_averaged"  # beside the weights of torch.optim.swa_utils.AveragedModel
_DEPTH = 4  # of checkpoints within checkpoints

State = Mapping[str, Any]
IsTensor = Callable[[Any], bool]


def chosen(source: str, content: Any, is_tensor: IsTensor, *, averaged: bool) -> tuple[State, tuple[str, ...]]:
    """The state_dict in a checkpoint, the plain or the ``averaged`` one, and what there is to say of it.

    What is a state_dict itself is taken as it is. Raises WeightsError where there is none such.
    """
    if not isinstance(content, Mapping):
        raise WeightsError(f"{source} holds a {type(content).__name__}, not a state_dict; save model.state_dict()")
    content = cast(Mapping[Any, Any], content)
    if _is_state(content, is_tensor):
        if averaged and COUNT not in content:
            raise WeightsError(f"{source} holds one state_dict, and no averaged weights beside it")
        return content, ()
    plain, mean = (_found(content, names, is_tensor) for names in (PLAIN, AVERAGED))
    if averaged and mean is None:
        raise WeightsError(f"{source} holds no averaged weights: there is no state_dict under {_or(AVERAGED)}")
    wanted = mean if averaged else plain
    if wanted is None and mean is not None:
        raise WeightsError(f"{source} holds averaged weights alone, under {mean[0]!r}: ask for them (--ema, ema=True)")
    if wanted is None:
        raise WeightsError(_no_state(source, content, is_tensor))
    notes = [f"a checkpoint: the weights are those under {wanted[0]!r}"]
    if not averaged and mean is not None:
        notes.append(f"averaged weights (EMA) stand there too, under {mean[0]!r}: --ema takes them")
    return wanted[1], tuple(notes)


def _is_state(content: Mapping[Any, Any], is_tensor: IsTensor) -> bool:
    return all(isinstance(key, str) and is_tensor(value) for key, value in content.items())


def _found(content: Mapping[Any, Any], names: Sequence[str], is_tensor: IsTensor) -> tuple[str, State] | None:
    """The first of these names under which a state_dict stands, and that state_dict."""
    for name in names:
        state = _within(content.get(name), is_tensor, _DEPTH)
        if state is not None:
            return name, state
    return None


def _within(value: Any, is_tensor: IsTensor, depth: int) -> State | None:
    """The state_dict that a part of a checkpoint is, or holds; averaged ones are often under ``module``."""
    if not isinstance(value, Mapping) or not value or not depth:
        return None
    value = cast(Mapping[Any, Any], value)
    if _is_state(value, is_tensor):
        return value
    inner = (_within(value.get(name), is_tensor, depth - 1) for name in (*PLAIN, "module"))
    return next((state for state in inner if state is not None), None)


def _no_state(source: str, content: Mapping[Any, Any], is_tensor: IsTensor) -> str:
    key, value = next((k, v) for k, v in content.items() if not isinstance(k, str) or not is_tensor(v))
    return f"{source} is no state_dict: under {key!r} it holds a {type(value).__name__}, not a tensor"


def _or(names: Sequence[str]) -> str:
    return " or ".join(map(repr, names))
