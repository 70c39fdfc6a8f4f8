"""Why something cannot be done to a workflow now."""


class NotPossible(ValueError):
    """The workflow's state excludes what was asked; `broken` where Argo answers so with an internal error."""

    def __init__(self, message: str, broken: bool = False) -> None:
        super().__init__(message)
        self.broken = broken
