"""The ways a node can end other than well.

Where the real server raises a builtin exception, the simulator raises the same one. Errors of packages the simulator
does not have (PyAV, torch) are NodeError, which names the real type.
"""


class NodeError(Exception):
    """A node failed with an exception of another package.

    type_name: what `exception_type` of execution_error reads; tips: what the server adds under the message.
    """

    def __init__(self, type_name: str, message: str, tips: str = "") -> None:
        super().__init__(message)
        self.type_name = type_name
        self.tips = tips


class NodeBaseError(BaseException):
    """A node raised what is no Exception, as libraries for pictures do: nobody catches it."""


class PromptInterruptedError(Exception):
    """POST /interrupt was taken at a node's start or at a progress tick."""


NODE_ERRORS = (
    NodeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,
    RuntimeError,
    ArithmeticError,
    LookupError,
    SyntaxError,
    MemoryError,
)
"""What a node may raise and the prompt ends in execution_error (SyntaxError: Pillow's for a broken PNG)."""


def type_name(error: BaseException) -> str:
    """`exception_type` as the server writes it: the bare name for builtins, else module and name."""
    if isinstance(error, NodeError):
        return error.type_name
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
