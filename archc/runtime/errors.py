"""What is wrong with a model, or with what it is given."""

from __future__ import annotations


class ModelError(ValueError):
    """A model can't be read, or can't be run on what it was given. ``hint`` says what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message if hint is None else f"{message}; {hint}")
        self.message, self.hint = message, hint
