# SPDX-License-Identifier: BSD-3-Clause
"""The C libraries and their types, as ft.h and ftmpi.h have them. Everything else in this package
says it in Python."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_uint32
from ctypes import c_uint64, c_void_p

NAME_MAX = 256
EXCLUDE_MAX = 2048
DEVICES_MAX = 4
TEXT_MAX = 512
LOST_MAX = 64
STEPS = 6
FOREVER = -1


class Handle(ctypes.Structure):
    _fields_ = [("id", c_uint64)]


class Resource(ctypes.Structure):
    _fields_ = [
        ("kind", c_int),
        ("node", c_char * NAME_MAX),
        ("job", c_char * NAME_MAX),
        ("number", c_int64),
        ("name", c_char * NAME_MAX),
        ("error", c_int),
    ]


class Devices(ctypes.Structure):
    _fields_ = [("type", c_char * 32), ("count_min", c_uint32)]


class Constraint(ctypes.Structure):
    _fields_ = [
        ("cores_min", c_uint32),
        ("memory_min_bytes", c_uint64),
        ("arch", c_char * 32),
        ("devices", Devices * DEVICES_MAX),
        ("at_least", c_int),
        ("same_kind", c_int),
        ("excluded", c_char * EXCLUDE_MAX),
        ("distance", c_int),
        ("from_", Resource),
        ("ladder", c_char * 32),
        ("when_none", c_char * 32),
        ("wait_ms", c_uint32),
        ("error", c_int),
    ]


class Action(ctypes.Structure):
    _fields_ = [
        ("verb", c_uint32),
        ("error", c_int),
        ("resource", Resource),
        ("usage", c_int),
        ("constraint", Constraint),
        ("decision", c_uint64),
        ("code", c_int32),
        ("text", c_char * 1024),
        ("borrowed", c_void_p),
        ("borrowed_n", c_size_t),
    ]


class Steps(ctypes.Structure):
    _fields_ = [
        ("known_ms", c_double),
        ("decide_ms", c_double),
        ("probe_ms", c_double),
        ("total_ms", c_double),
    ]


class Reply(ctypes.Structure):
    _fields_ = [
        ("status", c_int),
        ("event", c_uint64),
        ("decision", c_uint64),
        ("epoch", c_uint32),
        ("resource", Resource),
        ("lost_node", c_char * NAME_MAX),
        ("alternative", Resource),
        ("rung", c_int),
        ("repairable", c_int),
        ("repair", c_char * TEXT_MAX),
        ("match", c_char * TEXT_MAX),
        ("reach", c_int),
        ("reach_rank", c_int),
        ("port", c_char * 1024),
        ("in_job", c_int),
        ("steps", Steps),
        ("probed", c_uint32),
        ("available_at_s", c_int64),
        ("reason", c_char * TEXT_MAX),
        ("hint", c_char * TEXT_MAX),
        ("change", c_int),
        ("fewer", c_int),
    ]


class Standin(ctypes.Structure):
    _fields_ = [
        ("is_standin", c_int),
        ("decision", c_uint64),
        ("epoch", c_uint32),
        ("rank", c_int),
        ("job", c_char * NAME_MAX),
        ("comm", c_void_p),
    ]


class Kept(ctypes.Structure):
    _fields_ = [
        ("rank", c_int),
        ("versions_n", c_int),
        ("versions", c_int * 2),
        ("bytes", c_uint64),
        ("partner", c_int),
        ("node", c_char * NAME_MAX),
        ("distance", c_int),
    ]


class Repair(ctypes.Structure):
    _fields_ = [
        ("repairs", c_int),
        ("is_replacement", c_int),
        ("rank", c_int),
        ("world_n", c_int),
        ("before_n", c_int),
        ("lost_n", c_int),
        ("lost", c_int * LOST_MAX),
        ("step_ms", c_double * STEPS),
    ]


# Calls back from any place in MPI: ctypes takes the interpreter's lock for it, whether or not
# mpi4py has let go of it for that call.
Callback = ctypes.CFUNCTYPE(c_int, POINTER(Repair), c_void_p)


_FT = {
    "ftNode": (Resource, [c_char_p]),
    "ftRank": (Resource, [c_int]),
    "ftRankOf": (Resource, [c_char_p, c_int]),
    "ftProcess": (Resource, [c_char_p, c_int64]),
    "ftDevice": (Resource, [c_char_p, c_char_p]),
    "ftLink": (Resource, [c_char_p, c_char_p]),
    "ftStorage": (Resource, [c_char_p, c_char_p]),
    "ftResourceText": (c_size_t, [POINTER(Resource), c_char_p, c_size_t]),
    "ftAny": (Constraint, []),
    "ftNeedCores": (Constraint, [Constraint, c_int]),
    "ftNeedMemory": (Constraint, [Constraint, c_uint64]),
    "ftNeedDevices": (Constraint, [Constraint, c_char_p, c_int]),
    "ftNeedArch": (Constraint, [Constraint, c_char_p]),
    "ftNeedAtLeast": (Constraint, [Constraint]),
    "ftNeedSameKind": (Constraint, [Constraint]),
    "ftExclude": (Constraint, [Constraint, c_char_p]),
    "ftNear": (Constraint, [Constraint, Resource]),
    "ftFar": (Constraint, [Constraint, Resource]),
    "ftLadder": (Constraint, [Constraint, c_char_p]),
    "ftWhenNone": (Constraint, [Constraint, c_char_p]),
    "ftWaitUpTo": (Constraint, [Constraint, c_int64]),
    "resourceError": (Action, [Resource, c_int]),
    "findAlternative": (Action, [Resource, Constraint]),
    "openFT": (c_int, [c_char_p, POINTER(Handle)]),
    "closeFT": (c_int, [Handle]),
    "requestFT": (c_int, [Handle, Action, POINTER(Reply), c_int64]),
    "ftStrError": (c_char_p, [c_int]),
    "ftLastError": (c_char_p, []),
}

_FTMPI = {
    "FTMPI_Reach": (
        c_int,
        [Handle, POINTER(Reply), c_char_p, POINTER(c_char_p), c_int64, POINTER(c_void_p),
         POINTER(c_int), POINTER(c_double)],
    ),
    "FTMPI_Standin": (c_int, [POINTER(Standin)]),
    "FTMPI_Next_peer": (c_int, [c_int64, POINTER(c_void_p)]),
    "FTMPI_Leave": (c_int, [POINTER(c_void_p)]),
    "FTMPI_Is_failing": (c_int, [Resource]),
    "FTMPI_Keep": (c_int, [c_char_p, c_void_p, c_size_t]),
    "FTMPI_Commit": (c_int, [c_int]),
    "FTMPI_Commit_begin": (c_int, [c_int]),
    "FTMPI_Commit_end": (c_int, []),
    "FTMPI_Commit_wait": (c_int, [c_int64]),
    "FTMPI_Fetch": (c_int, [c_int, c_int64, POINTER(c_int)]),
    "FTMPI_Fetch_buffer": (
        c_int,
        [c_int, c_char_p, c_int, c_void_p, POINTER(c_size_t), c_int64],
    ),
    "FTMPI_Kept": (c_int, [c_int, c_int64, POINTER(Kept)]),
    "FTMPI_Last_error": (c_char_p, []),
    "FTMPI_Set_callback": (c_int, [Callback, c_void_p]),
    "FTMPI_Settle": (c_int, []),
    "FTMPI_Last_repair": (c_int, [POINTER(Repair)]),
    "FTMPI_Fetch_common": (c_int, [c_int64, POINTER(c_int)]),
}


def _load(name: str) -> ctypes.CDLL:
    """The library that is in the process already, that the system finds, or that was installed
    together with this package, in this order."""
    try:
        return ctypes.CDLL(name)
    except OSError:
        try:
            from ._installed import LIBDIR
        except ImportError:
            raise ImportError(
                f"{name} is not found: install FT, or name its folder in LD_LIBRARY_PATH"
            ) from None
        return ctypes.CDLL(os.path.join(LIBDIR, name))


def _typed(library: ctypes.CDLL, functions: dict) -> ctypes.CDLL:
    for name, (result, arguments) in functions.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


libft = _typed(_load("libft.so.0"), _FT)


def libftmpi() -> ctypes.CDLL:
    """libftmpi.so; under `ft run` the one that is in the process already."""
    return _typed(_load("libftmpi.so.0"), _FTMPI)


def text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def name(value: str) -> bytes:
    return value.encode()


def timeout_ms(seconds: float | None) -> int:
    """C's time of Python's: None is for ever."""
    if seconds is None:
        return FOREVER
    if seconds < 0:
        raise ValueError(f"a time of {seconds} s")
    return round(seconds * 1000)
