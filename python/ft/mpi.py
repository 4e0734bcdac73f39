# SPDX-License-Identifier: BSD-3-Clause
"""ftmpi.h for programs that use MPI through mpi4py: communicators in and out are mpi4py's.

    from mpi4py import MPI
    import ft, ft.mpi

    comm, rank = ft.mpi.reach(runtime, reply, sys.executable, sys.argv)   # to the alternative

    ft.mpi.keep("field", field)            # a bytearray, array.array, numpy array, ...
    ft.mpi.commit(step)

    ft.mpi.loop(body)                      # body(repair), again after each repair of the world

Times are in seconds, None is for ever. What fails raises ft.mpi.Error. To be used after MPI_Init
(mpi4py calls it when MPI is imported).

mpi4py's reduce, allreduce, scan and exscan of objects make a communicator of their own at the first
call, which a replacement would come to at another time than the others had: with repairs, import
ft.mpi before mpi4py.MPI, which has them do without, or set mpi4py.rc.fast_reduce = False yourself.
"""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Callable, Sequence, TypeVar

import mpi4py

if "mpi4py.MPI" not in sys.modules:
    mpi4py.rc.fast_reduce = False

from mpi4py import MPI  # noqa: E402

from . import _c
from ._api import Reply, Resource, Runtime
from ._errors import Error as _Error

__all__ = [
    "Error", "Kept", "LATEST", "PendingError", "REPEAT", "RETURN_ERROR", "Repair", "Standin",
    "commit", "commit_begin", "commit_end", "commit_wait", "fetch", "fetch_buffer", "fetch_common",
    "forget", "is_failing", "keep", "keep_for_others", "kept", "last_repair", "leave", "loop",
    "next_peer", "reach", "set_callback", "settle", "standin",
]

LATEST = -1
_lib = _c.libftmpi()
_LOSSES = tuple(getattr(MPI, name) for name in ("ERR_PROC_FAILED", "ERR_REVOKED")
                if hasattr(MPI, name)) or (75, 77)  # before mpi4py 4: Open MPI 5's numbers


class Error(_Error):
    """A call failed. error_class is MPI's (MPI.ERR_SPAWN, ...), reason what happened, to whom."""

    def __init__(self, error_class: int, reason: str = "") -> None:
        super().__init__(error_class, reason or MPI.Get_error_string(error_class))
        self.error_class = error_class


class PendingError(Error, TimeoutError):
    """Not within the time."""


def _check(code: int, reason: str = "") -> None:
    if code != MPI.SUCCESS:
        raise (PendingError if code == MPI.ERR_PENDING else Error)(code, reason)


def _check_kept(code: int) -> None:
    _check(code, "" if code == MPI.SUCCESS else _c.text(_lib.FTMPI_Last_error()))


# ------------------------------------------------------------------ communicators


def _comm_of(handle: int | None) -> MPI.Comm:
    """mpi4py's object for C's handle."""
    if hasattr(MPI.Comm, "fromhandle"):
        comm = MPI.Comm.fromhandle(handle or 0)
        if comm == MPI.COMM_NULL:
            return comm
        return MPI.Intercomm(comm) if comm.Is_inter() else MPI.Intracomm(comm)
    comm = MPI.Comm()  # before mpi4py 4
    ctypes.c_void_p.from_address(MPI._addressof(comm)).value = handle
    if comm == MPI.COMM_NULL:
        return comm
    return MPI.Intercomm(comm) if comm.Is_inter() else MPI.Intracomm(comm)


def _handle_of(comm: MPI.Comm) -> int:
    return ctypes.c_void_p.from_address(MPI._addressof(comm)).value or 0


def reach(runtime: Runtime, reply: Reply, command: str, args: Sequence[str] = (),
          timeout: float | None = 10.0) -> tuple[MPI.Comm, int]:
    """A communicator that reaches the alternative of a reply, and the rank to send to on it. The
    program is started there if nobody has. To be given back by leave.

    Raises Error: MPI.ERR_SPAWN (not started), MPI.ERR_PORT (not reached): find_alternative
    again."""
    comm = ctypes.c_void_p()
    rank = ctypes.c_int(-1)
    steps = (ctypes.c_double * 2)()
    words = (ctypes.c_char_p * (len(args) + 1))(*[_c.name(arg) for arg in args], None)
    _check(_lib.FTMPI_Reach(runtime._handle, ctypes.byref(reply._c), _c.name(command), words,
                            _c.timeout_ms(timeout), ctypes.byref(comm), ctypes.byref(rank),
                            steps),
           "the alternative could not be reached: " + _c.text(_c.libft.ftLastError()))
    return _comm_of(comm.value), rank.value


@dataclass(frozen=True)
class Standin:
    """What this process stands in for."""

    decision: int
    epoch: int  # how many stand-ins its rank has had, this one included
    rank: int  # the rank it stands in for, in its job; -1 if it replaces no rank
    job: str
    comm: MPI.Comm  # reaches the process that started it, as rank 0; not to be freed


def standin() -> Standin | None:
    """Whom this process stands in for; None: it was started in the ordinary way."""
    who = _c.Standin()
    _check(_lib.FTMPI_Standin(ctypes.byref(who)))
    if not who.is_standin:
        return None
    return Standin(who.decision, who.epoch, who.rank, _c.text(who.job), _comm_of(who.comm))


def next_peer(timeout: float | None = 0.0) -> MPI.Comm | None:
    """In a stand-in: a communicator to the next peer that wants to reach it; None if none came."""
    comm = ctypes.c_void_p()
    _check(_lib.FTMPI_Next_peer(_c.timeout_ms(timeout), ctypes.byref(comm)))
    found = _comm_of(comm.value)
    return None if found == MPI.COMM_NULL else found


def leave(comm: MPI.Comm) -> None:
    """Gives a communicator of reach, next_peer or standin back, without waiting for its peer."""
    handle = ctypes.c_void_p(_handle_of(comm))
    _check(_lib.FTMPI_Leave(ctypes.byref(handle)))
    ctypes.c_void_p.from_address(MPI._addressof(comm)).value = handle.value


def is_failing(resource: Resource) -> bool:
    """Whether what a resource is on is known to be going down. Cheap."""
    return bool(_lib.FTMPI_Is_failing(resource._c))


# ------------------------------------------------------------------ state for the replacement

_buffers: dict[str, Any] = {}  # held, so that they stay where they are


def _bytes_of(buffer: Any) -> ctypes.Array:
    """C's view of a writable, contiguous buffer; as long as it lives the buffer cannot move."""
    view = memoryview(buffer)
    if view.readonly or not view.c_contiguous:
        raise ValueError("the buffer has to be writable and contiguous")
    return (ctypes.c_char * view.nbytes).from_buffer(buffer)


def keep(name: str, buffer: Any) -> None:
    """Names a buffer (bytearray, array.array, numpy array, ...) to be kept from the next commit
    on. It is held as long as it is named, and cannot be resized."""
    view = _bytes_of(buffer)
    place = ctypes.addressof(view) if len(view) else ctypes.addressof(_nothing)
    _check_kept(_lib.FTMPI_Keep(_c.name(name), place, len(view)))
    _buffers[name] = view


_nothing = ctypes.c_char()


def forget(name: str) -> None:
    """The buffer is no longer kept."""
    _check_kept(_lib.FTMPI_Keep(_c.name(name), None, 0))
    _buffers.pop(name, None)


def keep_for_others() -> None:
    """Lets this process keep the state of others though it has none itself."""
    _check_kept(_lib.FTMPI_Keep(None, None, 0))


def commit(version: int) -> None:
    """Commits all named buffers as they are now; they may be changed at once. Raises what became of
    the commit before, if nobody took it; this one was taken nevertheless."""
    _check_kept(_lib.FTMPI_Commit(version))


def commit_begin(version: int) -> None:
    """The same without waiting for the copy: hands off the buffers until commit_end has
    returned."""
    _check_kept(_lib.FTMPI_Commit_begin(version))


def commit_end() -> None:
    _check_kept(_lib.FTMPI_Commit_end())


def commit_wait(timeout: float | None = None) -> None:
    """Waits until the last commit is complete at the partner."""
    _check_kept(_lib.FTMPI_Commit_wait(_c.timeout_ms(timeout)))


def fetch(version: int = LATEST, timeout: float | None = 10.0) -> int:
    """Sets all named buffers to what they were at a commit of this rank, all or none; returns its
    version."""
    fetched = ctypes.c_int(-1)
    _check_kept(_lib.FTMPI_Fetch(version, _c.timeout_ms(timeout), ctypes.byref(fetched)))
    return fetched.value


def fetch_common(timeout: float | None = 10.0) -> int:
    """Collective over the world: all ranks go back to the newest commit that each of them can have;
    returns its version. Raises Error in all, with nothing changed, if there is none."""
    version = ctypes.c_int(-1)
    _check_kept(_lib.FTMPI_Fetch_common(_c.timeout_ms(timeout), ctypes.byref(version)))
    return version.value


def fetch_buffer(rank: int, name: str, version: int = LATEST,
                 timeout: float | None = 10.0) -> bytearray:
    """One buffer of a rank's commit, of the own one or of any other, lost or not."""
    size = ctypes.c_size_t(0)
    ms = _c.timeout_ms(timeout)
    _check_kept(_lib.FTMPI_Fetch_buffer(rank, _c.name(name), version, None, ctypes.byref(size), ms))
    for _ in range(_TRIES):
        found = bytearray(max(size.value, 1))
        place = (ctypes.c_char * len(found)).from_buffer(found)
        code = _lib.FTMPI_Fetch_buffer(rank, _c.name(name), version, place, ctypes.byref(size), ms)
        del place  # or else found could not be resized
        if code != MPI.ERR_TRUNCATE or size.value <= len(found):
            break  # else that rank has committed again, and more
    _check_kept(code)
    del found[size.value:]
    return found


_TRIES = 8


@dataclass(frozen=True)
class Kept:
    """What is kept of a rank, and where."""

    rank: int
    versions: tuple[int, ...]  # commits that can be fetched, the newest first
    bytes: int  # of the newest
    partner: int | None  # the rank that keeps it
    node: str
    distance: int  # 0 same node, 1 other node, 2 other rack; -1 not known


def kept(rank: int | None = None, timeout: float | None = 5.0) -> Kept:
    """What is kept of a rank (None: the own one). Raises Error if nobody who lives keeps any."""
    what = _c.Kept()
    _check_kept(_lib.FTMPI_Kept(-1 if rank is None else rank, _c.timeout_ms(timeout),
                                ctypes.byref(what)))
    return Kept(what.rank, tuple(what.versions[: what.versions_n]), what.bytes,
                None if what.partner < 0 else what.partner, _c.text(what.node), what.distance)


# ------------------------------------------------------------------ a world made whole

RETURN_ERROR, REPEAT = 0, 1  # what a callback answers: the interrupted call raises; is done again
_STEPS = ("noticed", "shrunk", "asked", "joined", "rebuilt", "agreed")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Repair:
    """What the latest repair of the world has done, as this rank sees it."""

    repairs: int  # of this job so far, this one included; the same in all ranks; 0: none yet
    is_replacement: bool  # this process took a lost rank's place (and stays one that did)
    rank: int
    world_n: int  # now
    before_n: int  # the world's size before; it is less now if the world was shrunk
    lost_n: int  # ranks whose processes were lost
    lost: tuple[int, ...]  # the first 64 of them, as numbered before
    step_ms: dict[str, float]  # noticed, shrunk, asked, joined, rebuilt, agreed


def _repair_of(what: _c.Repair) -> Repair:
    return Repair(what.repairs, bool(what.is_replacement), what.rank, what.world_n, what.before_n,
                  what.lost_n, tuple(what.lost[: min(what.lost_n, _c.LOST_MAX)]),
                  dict(zip(_STEPS, what.step_ms)))


def last_repair() -> Repair:
    """The latest repair; local. Before any, its number of repairs is 0."""
    what = _c.Repair()
    _check(_lib.FTMPI_Last_repair(ctypes.byref(what)))
    return _repair_of(what)


def settle() -> bool:
    """Collective: True once all ranks are here and none is lost; False: the world was repaired
    meanwhile, so the work has to go back."""
    code = _lib.FTMPI_Settle()
    if code != MPI.SUCCESS and MPI.Get_error_class(code) in _LOSSES:
        return False
    _check(code)
    return True


_none = _c.Callback()
_callback = _none  # held: C has its address


def _put_callback(callback: Any) -> Any:
    """The one before."""
    global _callback
    before = _callback
    _check(_lib.FTMPI_Set_callback(callback, None))
    _callback = callback
    return before


def set_callback(callback: Callable[[Repair], int | None] | None) -> None:
    """Has callback(repair) called after each repair, in the survivors, from within the MPI call
    that the loss interrupted. It answers REPEAT, and that call is done again, or RETURN_ERROR
    (or nothing), and the call raises mpi4py's MPI.Exception. It must not communicate. What it
    raises goes to sys.unraisablehook, and counts as RETURN_ERROR. None: no callback."""
    if callback is None:
        _put_callback(_none)
        return

    def call(what: Any, _: Any) -> int:
        try:
            return int(callback(_repair_of(what.contents)) or RETURN_ERROR)
        except BaseException:  # there is nobody above to catch it: C has called
            kind, value, trace = sys.exc_info()
            sys.unraisablehook(SimpleNamespace(exc_type=kind, exc_value=value, exc_traceback=trace,
                                               err_msg="ft.mpi: in a callback after a repair",
                                               object=callback))
            return RETURN_ERROR

    _put_callback(_c.Callback(call))


_interrupt = _c.Callback(lambda what, _: RETURN_ERROR)
_is_in_loop = False


def loop(body: Callable[[Repair], _Result]) -> _Result:
    """Calls body(repair), and again after each repair of the world, until all ranks' bodies have
    returned without a loss; returns what this rank's body returned.

        def body(repair):
            start = 0
            if repair.repairs > 0:
                start = ft.mpi.fetch_common()
            ...

        ft.mpi.loop(body)

    Nothing jumps over the interpreter: a loss makes the MPI call that it interrupts raise
    MPI.Exception, which leaves body like any other exception, through its `finally` and `with`
    blocks. (Whoever catches MPI.Exception inside should let it pass if last_repair().repairs has
    grown.) It needs the error handler that mpi4py sets, MPI.ERRORS_RETURN, on all communicators.
    A replacement has to make the same communicators before, in the same order, as the others did,
    and communicates in body only."""
    global _is_in_loop
    if _is_in_loop:
        raise RuntimeError("ft.mpi.loop is running already: there is one in a process")
    before = _put_callback(_interrupt)
    _is_in_loop = True
    try:
        while True:
            repair = last_repair()
            try:
                result = body(repair)
            except (MPI.Exception, Error):
                if last_repair().repairs == repair.repairs:
                    raise
                continue
            if settle():
                return result
    finally:
        _is_in_loop = False
        _put_callback(before)
