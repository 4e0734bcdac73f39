#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""errors.py - what fails raises the right exception, with words, for t0720-languages.sh. One rank."""
from __future__ import annotations

import ctypes
import os

from mpi4py import MPI

import ft
import ft.mpi
from ft import _c


def raises(kind: type[BaseException], words: str, call, *args, **more) -> None:
    try:
        call(*args, **more)
    except kind as error:
        assert words in str(error), f"{words!r} is not in {error!s}"
        print(f"{kind.__name__}: {error}")
    else:
        raise AssertionError(f"{call} raised nothing")


assert ctypes.sizeof(_c.Reply) > ctypes.sizeof(_c.Action) / 4
raises(ft.Error, "", ft.node, "")
raises(ft.Error, "", ft.rank, -1)
raises(ft.UnreachableError, "", ft.open, "unix:/nowhere/at/all")
raises(ValueError, "a time", ft.mpi.commit_wait, -1.0)
with ft.open() as runtime:
    raises(ft.Error, "", runtime.find_alternative, ft.rank(77), timeout=5.0)
    try:
        runtime.find_alternative(ft.rank(77), timeout=5.0)
    except ft.Error as error:
        assert error.code < 0 and error.reason and error.reply is not None
    assert str(ft.rank(3)).startswith("rank 3")
raises(ft.Error, "", runtime.resource_error, ft.rank(0))  # it is closed
assert ft.mpi.standin() is None
assert not ft.mpi.is_failing(ft.node(os.uname().nodename))
raises(ft.mpi.Error, "nothing to commit", ft.mpi.commit, 1)
raises(ValueError, "writable", ft.mpi.keep, "name", b"read only")
raises(ft.mpi.Error, "name", ft.mpi.keep, "x" * 64, bytearray(1))
kept = bytearray(8)
ft.mpi.keep("name", kept)
raises(BufferError, "", kept.extend, b"more")  # it must stay where it is
raises(ft.mpi.Error, "versions are 0 or more", ft.mpi.commit, -1)
ft.mpi.commit(1)
raises(ft.mpi.Error, "one rank only", ft.mpi.commit_wait, 20.0)
kept[:] = b"changed!"
assert ft.mpi.fetch() == 1 and kept == bytearray(8)  # out of its own memory
raises(ft.mpi.Error, "rank 9 of 1", ft.mpi.kept, 9)
ft.mpi.forget("name")
raises(ft.mpi.Error, "no buffer", ft.mpi.forget, "name")
assert MPI.COMM_WORLD.size == 1
print("all said")
