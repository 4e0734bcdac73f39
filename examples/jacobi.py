#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""jacobi.py - a solver that outlives its ranks; jacobi.c's algorithm and lines, in Python.

    ft run --mode=repair --spares 1 -n 4 python3 jacobi.py [N [STEPS [COMMIT_EVERY [PAUSE_MS]]]]

Laplace's equation on N x N inner points: 1 on the upper edge, 0 on the others. Each rank has some rows,
and the rows beside them of its neighbours. A step replaces each point by the mean of its four
neighbours; the residual is the length of the change. Every COMMIT_EVERY steps all ranks commit what
they have. When one is lost a spare takes its place, step_on is called anew in all ranks, and all go back
to the last commit together: the same residuals come out as if nothing had happened.

Plain Python, no numpy: it is to show how, not how fast.
"""
import math
import sys
import time
from array import array

from mpi4py import MPI

import ft.mpi

numbers = [int(word) for word in sys.argv[1:5]]
n, steps, commit_every, pause_ms = numbers + [64, 200, 10, 0][len(numbers):]
world = MPI.COMM_WORLD
rank, ranks = world.rank, world.size
row = world.Dup()
if min(n, steps, commit_every) < 1 or n < ranks:
    sys.exit("jacobi.py: N at least as many as ranks, STEPS and COMMIT_EVERY at least 1")
rows = n // ranks + (rank < n % ranks)
width = n + 2
step = array("q", [0])
residual = array("d", [0.0])
field = array("d", bytes(8 * width * (rows + 2)))  # row after row; its place must not change


def begin() -> None:
    step[0] = 0
    residual[0] = 0.0
    field[:] = array("d", bytes(8 * len(field)))
    if rank == 0:
        field[1 : n + 1] = array("d", [1.0] * n)


def exchange_edges() -> None:
    view = memoryview(field)
    above = rank - 1 if rank > 0 else MPI.PROC_NULL
    below = rank + 1 if rank < ranks - 1 else MPI.PROC_NULL

    def inner(j: int) -> list:
        return [view[j * width + 1 : j * width + 1 + n], MPI.DOUBLE]

    row.Sendrecv(inner(1), above, 1, inner(rows + 1), below, 1)
    row.Sendrecv(inner(rows), below, 2, inner(0), above, 2)


def relax() -> float:
    """One step. Returns this rank's part of the square of the change."""
    before = array("d", field)
    change = 0.0
    for j in range(1, rows + 1):
        for i in range(j * width + 1, j * width + n + 1):
            new = 0.25 * (before[i - width] + before[i + width] + before[i - 1] + before[i + 1])
            change += (new - before[i]) ** 2
            field[i] = new
    return change


def sum_up(change: float) -> None:
    """In rank order, so that it is the same whatever way a sum over all ranks would take."""
    sums = array("d", [0.0] * ranks)
    world.Allgather(array("d", [change]), sums)
    residual[0] = math.sqrt(sum(sums))


def go_back(repair: ft.mpi.Repair) -> None:
    try:
        ft.mpi.fetch_common()
    except ft.mpi.Error as error:
        if error.error_class != MPI.ERR_OTHER:
            raise
        begin()  # lost before the first commit
    if rank == 0:
        print(f"repaired {repair.repairs}: rank{'s' * (repair.lost_n > 1)} {' '.join(map(str, repair.lost))} lost, "
              f"going on from step {step[0]}", flush=True)


def sum_up_and_keep(change: float) -> None:
    """Whoever gets through the collective knows that all ranks' commit before this one is safe."""
    try:
        ft.mpi.commit_wait()
    except ft.mpi.Error as error:
        print(f"rank {rank} has nowhere to keep its state: {error}", flush=True)
    sum_up(change)
    try:
        ft.mpi.commit(step[0])
    except ft.mpi.Error:
        pass  # the commit before was lost since, with the others; this one was taken
    if rank == 0:
        print(f"step {step[0]} residual {residual[0]:.10e}", flush=True)


def step_on(repair: ft.mpi.Repair) -> None:
    """To the end, from where the last commit was."""
    if repair.repairs > 0:
        go_back(repair)
    while step[0] < steps:
        exchange_edges()
        change = relax()
        step[0] += 1
        if step[0] % commit_every == 0:
            sum_up_and_keep(change)
        else:
            sum_up(change)
        time.sleep(pause_ms / 1000)


begin()
ft.mpi.keep("step", step)
ft.mpi.keep("residual", residual)
ft.mpi.keep("field", field)
ft.mpi.loop(step_on)
if rank == 0:
    print(f"residual {residual[0]:.15e} after {steps} steps")
