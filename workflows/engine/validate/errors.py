"""What a refused workflow is told."""


class WorkflowInvalid(ValueError):
    """A workflow that Argo, or this server, refuses; the text says why, in Argo's words where it has some.

    `missing` marks a workflow template that was named and is not there, which clients get as "not found"; `unread` JSON that does not fit.
    """

    def __init__(self, message: str, missing: bool = False, unread: bool = False) -> None:
        super().__init__(message)
        self.missing, self.unread = missing, unread


class Placed:
    """Leads the message of what is refused inside with a place."""

    def __init__(self, place: str) -> None:
        self.place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, WorkflowInvalid):
            raise WorkflowInvalid(f"{self.place} {error}") from error
