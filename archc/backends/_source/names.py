"""Names in the written module: what is an identifier, what is taken, how a block's name becomes a class's."""

from __future__ import annotations

import builtins
import keyword
import re

from archc.language.reserved import RESERVED

# What the module itself imports or is written with; a local name may hide none of these.
MODULE_NAMES = frozenset({"torch", "nn", "Tensor", "OrderedDict", "math", "self", "__class__"})
# A subclass of nn.Sequential has these besides what every nn.Module has.
SEQUENTIAL_NAMES = frozenset({"append", "extend", "insert", "pop"})
DICT_NAMES = frozenset({"clear", "pop", "keys", "items", "values", "update"})
_BUILTINS = frozenset(dir(builtins))


def is_attribute(name: str) -> bool:
    """Whether ``self.name`` means the attribute ``name``: no keyword, nothing that Python mangles or normalises."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")


def taken_by_modules(name: str) -> bool:
    """Whether an nn.Module or nn.Sequential has an attribute of that name."""
    return name in RESERVED or name in SEQUENTIAL_NAMES


def local(name: str) -> str | None:
    """The name as one for a local variable or a parameter; None if no name can be made of it."""
    text = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_")
    if not text or not text[0].isalpha():
        return None
    if keyword.iskeyword(text) or keyword.issoftkeyword(text) or text in MODULE_NAMES or text in _BUILTINS:
        return f"{text}_"
    return text


def fresh(wanted: str, taken: set[str] | frozenset[str]) -> str:
    """``wanted``, or with the first number that makes it free."""
    if wanted not in taken:
        return wanted
    stem = wanted if not wanted[-1].isdigit() else f"{wanted}_"
    return next(name for i in range(2, len(taken) + 3) if (name := f"{stem}{i}") not in taken)


def camel(name: str) -> str:
    """``conv_bn`` as ConvBn; letters that are capitals stay so, and numbers stay apart."""
    words = [w for w in re.split(r"[\W_]+", name, flags=re.ASCII) if w]
    text = ""
    for word in words:
        text += ("_" if text[-1:].isdigit() and word[0].isdigit() else "") + word[0].upper() + word[1:]
    return text if text and text[0].isalpha() else f"Net{text}"


def capitalised(name: str, text: str) -> str:
    """The name with the capitals in which a text writes its words: ``mbconv`` is MBConv where that is spoken of."""
    written = {w.lower(): w for w in re.findall(r"[A-Za-z][A-Za-z0-9]*", text) if any(map(str.isupper, w[1:]))}
    return "_".join(written.get(word.lower(), word) for word in name.split("_"))


def network_class(title: str, family: str, variant: str) -> str:
    """The class of a network: its variant with the title's capitals; ``densenet201`` of "DenseNet" is DenseNet201."""
    text = camel(variant)
    for word in sorted(set(re.findall(r"[A-Za-z][A-Za-z0-9-]*", f"{title} {family}")), key=len, reverse=True):
        written = re.sub(r"[^A-Za-z0-9]", "", word)
        if any(c.isupper() for c in written) and text.lower().startswith(written.lower()):
            return written[0].upper() + written[1:] + text[len(written) :]
    return text
