# SPDX-License-Identifier: BSD-3-Clause
"""What is raised when the runtime says no, with its words."""

from __future__ import annotations

import builtins

from . import _c


class Error(Exception):
    """A request failed.

    code     ft.h's number (FT_ERR_...)
    reason   what happened, to what
    hint     what to do about it; may be ""
    reply    all that the runtime answered, or None
    """

    def __init__(self, code: int, reason: str, hint: str = "", reply: object = None) -> None:
        super().__init__(f"{reason}. {hint}" if hint else reason)
        self.code = code
        self.reason = reason
        self.hint = hint
        self.reply = reply


class NoAlternative(Error):
    """There is none; reply.available_at says when there may be one."""


class UnfitError(Error):
    """The alternative of this decision proved to be unusable: ask again."""


class TimeoutError(Error, builtins.TimeoutError):
    """No answer within the time; asking again is safe."""


class LostError(Error, ConnectionError):
    """The unit went away in the middle; the next request connects again."""


class UnreachableError(Error, ConnectionError):
    """No unit answers at the FT host."""


_CLASSES = {
    -5: UnreachableError,
    -8: TimeoutError,
    -9: LostError,
    -10: NoAlternative,
    -19: UnfitError,
}


def of_code(code: int, reason: str = "", hint: str = "", reply: object = None) -> Error:
    """The exception for a result, in the words given, else in the library's."""
    if not reason:
        reason = _c.text(_c.libft.ftLastError()) or _c.text(_c.libft.ftStrError(code))
    return _CLASSES.get(code, Error)(code, reason, hint, reply)
