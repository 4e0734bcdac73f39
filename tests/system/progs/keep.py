#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""keep.py FOLDER - keeps state from Python, for t0720-languages.sh: rank 2's node is lost when all are
ready; rank 0 then reads what rank 2 had kept."""
import os
import sys
import time
from array import array

from mpi4py import MPI

import ft.mpi

folder = sys.argv[1]
world = MPI.COMM_WORLD
world.Set_errhandler(MPI.ERRORS_RETURN)
step = array("q", [0])
words = bytearray(b"kept in Python")
ft.mpi.keep("step", step)
ft.mpi.keep("words", words)
for step[0] in range(1, 8):
    ft.mpi.commit(step[0])
ft.mpi.commit_wait(30.0)
own = ft.mpi.kept()
assert own.versions == (7, 6) and own.distance >= 1, own
with open(f"{folder}/ready.{world.rank}", "w"):
    pass
until = time.monotonic() + 40
while not os.path.exists(f"{folder}/lost"):
    assert time.monotonic() < until
    time.sleep(0.01)
if world.rank == 0:
    found = array("q")
    found.frombytes(ft.mpi.fetch_buffer(2, "step"))
    print(f"rank 0: rank 2 had the step {found[0]} and the words "
          f"{ft.mpi.fetch_buffer(2, 'words').decode()}", flush=True)
    with open(f"{folder}/read", "w"):
        pass
while not os.path.exists(f"{folder}/read"):
    assert time.monotonic() < until
    time.sleep(0.01)
