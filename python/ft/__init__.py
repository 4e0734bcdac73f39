# SPDX-License-Identifier: BSD-3-Clause
"""FT for Python: what to use instead of a node, or a rank, that was lost.

    import ft

    with ft.open() as runtime:                          # this node's unit
        reply = runtime.find_alternative(ft.rank(2), ft.Constraint(at_least=True), timeout=5.0)
        print("use node", reply.alternative.node)

Names follow ft.h (man 3 ft), in Python's manner: times are in seconds, None is for ever, and what
fails raises ft.Error, with the runtime's own words. Programs that use MPI through mpi4py have more
in ft.mpi (man 7 ft-python).

Nothing here is compiled: the package calls libft.so through ctypes.
"""

from ._api import (
    Alternative,
    Constraint,
    Reply,
    Resource,
    Runtime,
    Steps,
    Usage,
    device,
    link,
    node,
    open,
    process,
    rank,
    rank_of,
    storage,
)
from ._errors import Error, LostError, NoAlternative, TimeoutError, UnfitError, UnreachableError

__all__ = [
    "Alternative",
    "Constraint",
    "Error",
    "LostError",
    "NoAlternative",
    "Reply",
    "Resource",
    "Runtime",
    "Steps",
    "TimeoutError",
    "UnfitError",
    "UnreachableError",
    "Usage",
    "device",
    "link",
    "node",
    "open",
    "process",
    "rank",
    "rank_of",
    "storage",
]
