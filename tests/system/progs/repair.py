#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""repair.py callback|loop - a loss in Python, for t0720-languages.sh; repair_fortran.F90's idea.

A ring of messages (objects, which mpi4py pickles, and buffers) and sums, on communicators that are made
from the world; in step HIT rank 1 kills itself, unless it is a replacement. `callback`: a callback is told
of it, and the interrupted call raises MPI.Exception; the callback itself raises, too, which must not harm.
`loop`: ft.mpi.loop calls the body again; blocks that the exception leaves are left in good order. A
mistake of the program's own, at the end, is nobody's but its own."""
import os
import signal
import sys
from array import array

import ft.mpi  # before mpi4py.MPI

from mpi4py import MPI

STEPS, HIT = 30, 12
way = sys.argv[1]
world = MPI.COMM_WORLD
rank, ranks = world.rank, world.size
copy = world.Dup()
half = copy.Split(rank % 2, rank)
wrong, told, raised, blocks = [], [], [], 0
step = 0


def hold(is_so: bool, what: str) -> None:
    if not is_so:
        wrong.append(what)


def on_repair(repair: ft.mpi.Repair) -> int:
    told.append(repair)
    raise RuntimeError("a callback that fails")


def on_unraisable(what: object) -> None:
    raised.append(str(what.exc_value))


def advance() -> None:
    """One step. On the copy, the part, the world: so all are there again after a repair."""
    before, after = (rank - 1) % ranks, (rank + 1) % ranks
    said = copy.sendrecv({"rank": rank, "step": step}, dest=after, source=before)
    hold(said == {"rank": before, "step": step}, f"an object in step {step}: {said}")
    got = array("q", [-1])
    request = copy.Irecv(got, source=before, tag=7)
    copy.Send(array("q", [1000 * rank + step]), dest=after, tag=7)
    request.Wait()
    hold(got[0] == 1000 * before + step, f"a number in step {step}")
    hold(half.allreduce(rank) == sum(range(rank % 2, ranks, 2)), f"the half's sum in step {step}")
    hold(world.allreduce(1000 * rank + step) == ranks * step + 500 * ranks * (ranks - 1),
         f"the world's sum in step {step}")


def body(repair: ft.mpi.Repair) -> int:
    global step, blocks
    hold(repair.rank == rank and repair.world_n == ranks, "who I am")
    blocks += 1
    try:
        step = world.allreduce(step, MPI.MAX)
        while step < STEPS:
            if step == HIT and rank == 1 and not repair.is_replacement:
                os.kill(os.getpid(), signal.SIGKILL)
            advance()
            step += 1
    finally:
        blocks -= 1
    return 40 + rank


is_replacement = ft.mpi.last_repair().is_replacement
if way == "loop":
    hold(ft.mpi.loop(body) == 40 + rank, "what the body returned")
else:
    sys.unraisablehook = on_unraisable
    ft.mpi.set_callback(on_repair)
    while True:
        try:
            body(ft.mpi.last_repair())
        except MPI.Exception as error:
            hold(error.Get_error_class() in (75, MPI.ERR_PROC_FAILED), f"not a loss: {error}")
            continue
        if ft.mpi.settle():
            break
    hold(len(told) == (0 if is_replacement else 1), f"told {len(told)} times")
    hold(raised == ["a callback that fails"] * len(told), f"raised {raised}")
    ft.mpi.set_callback(None)
repair = ft.mpi.last_repair()
hold(repair.repairs == 1 and repair.lost == (1,) and repair.is_replacement == (rank == 1), str(repair))
hold(is_replacement == (rank == 1) and blocks == 0, "who came in, and how it left")


def faulty(_: ft.mpi.Repair) -> None:
    world.Send(array("q", [1]), dest=ranks)


try:
    ft.mpi.loop(faulty)
    hold(False, "a mistake of the body's own is handed on")
except MPI.Exception as error:
    hold(error.Get_error_class() == MPI.ERR_RANK, f"a mistake became {error}")
for what in wrong:
    print(f"rank {rank}: not so: {what}", flush=True)
print(f"rank {rank} {way}: at step {step}, {len(wrong)} wrong", flush=True)
