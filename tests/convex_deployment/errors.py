"""Refusals, as a deployment words them (convex-backend, `crates/errors/src/lib.rs`)."""


class ConvexError(Exception):
    """An answer that isn't 200. Without a code its body is empty."""

    def __init__(self, status: int, code: str = "", message: str = ""):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
