#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""matrix.py - matrix_publish.c, matrix_ulfm.c and matrix_solve.c in Python:

    matrix.py publish FOLDER | ulfm FOLDER N | solve FOLDER

What they do and why is said there; what they tell the test, in matrix_record.h.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from array import array
from dataclasses import dataclass

from mpi4py import MPI

TAG_STEP, TAG_ECHO, TAG_END, TAG_GOODBYE = 1, 2, 3, 4
MODULUS = 1000003
LIVES_MAX = 64
TRIES_MAX = 64
END_S = 150


class Failed(Exception):
    """It is not as it has to be."""


class Record:
    """Of one process of a rank."""

    def __init__(self, folder: str, rank: int) -> None:
        signal.alarm(END_S)
        self.folder = folder
        for self.life in range(LIVES_MAX):
            try:
                self.file = open(f"{folder}/life.{rank}.{self.life}", "x", buffering=1, encoding="ascii")
                break
            except FileExistsError:
                continue
        else:
            raise Failed("too many processes of this rank")
        self.file.write(f"{socket.gethostname()} {os.getpid()}\n")

    def step(self, step: int) -> None:
        self.file.write(f"{step}\n")


def end_wanted(folder: str) -> bool:
    return os.path.exists(f"{folder}/end")


def pause() -> None:
    time.sleep(0.002)


def say_right(n: int) -> None:
    print(f"all {n} ranks are right", flush=True)


# ---------------------------------------------------------------- retarget


class Publisher:
    def __init__(self, folder: str) -> None:
        self.world = MPI.COMM_WORLD
        self.folder = folder
        self.record = Record(folder, 0)
        self.heard = {r: (r, 0, 0) for r in range(self.world.size)}

    def publish(self) -> None:
        step = array("i", [0])
        others = range(1, self.world.size)
        while not end_wanted(self.folder):
            step[0] += 1
            for to in others:
                self.world.Send(step, to, TAG_STEP)
            self.take_echoes()
            self.record.step(step[0])
            pause()
        for to in others:
            self.world.Send(step, to, TAG_END)
        for source in others:
            self.take_goodbye(source)
        say_right(self.world.size)

    def take_echoes(self) -> None:
        echo, status = array("i", [0, 0, 0]), MPI.Status()
        while self.world.Iprobe(MPI.ANY_SOURCE, TAG_ECHO):
            self.world.Recv(echo, MPI.ANY_SOURCE, TAG_ECHO, status)
            self.take(tuple(echo), status)

    def take_goodbye(self, source: int) -> None:
        echo, status = array("i", [0, 0, 0]), MPI.Status()
        while True:
            self.world.Recv(echo, source, MPI.ANY_TAG, status)
            if status.Get_tag() == TAG_GOODBYE:
                return
            self.take(tuple(echo), status)

    def take(self, echo: tuple[int, ...], status: MPI.Status) -> None:
        rank, life, step = echo
        _, life_before, step_before = self.heard[rank]
        if rank != status.Get_source():
            raise Failed(f"the status names another sender: {rank}, {status.Get_source()}")
        if life < life_before:
            raise Failed(f"a replaced process was heard: {echo}")
        if life == life_before and step <= step_before:
            raise Failed(f"steps came back out of order: {step_before}, {step}")
        self.heard[rank] = (rank, life, step)


def subscribe(folder: str) -> None:
    world = MPI.COMM_WORLD
    record = Record(folder, world.rank)
    echo, step, status = array("i", [world.rank, record.life, 0]), array("i", [0]), MPI.Status()
    while True:
        world.Recv(step, 0, MPI.ANY_TAG, status)
        if status.Get_tag() == TAG_END:
            break
        if echo[2] > 0 and step[0] != echo[2] + 1:
            raise Failed(f"a step did not come after the one before: {step[0]}, {echo[2]}")
        echo[2] = step[0]
        world.Send(echo, 0, TAG_ECHO)
        record.step(step[0])
    world.Send(echo, 0, TAG_GOODBYE)


def run_publish(folder: str) -> None:
    if MPI.COMM_WORLD.rank == 0:
        Publisher(folder).publish()
    else:
        subscribe(folder)


# ---------------------------------------------------------------- report: it mends itself


@dataclass
class State:
    step: int
    values: list[int]

    def next_value(self, rank: int) -> int:
        n = len(self.values)
        return (3 * self.values[(rank - 1) % n] + 5 * self.values[rank]
                + 7 * self.values[(rank + 1) % n]) % MODULUS

    def after(self) -> State:
        return State(self.step + 1, [self.next_value(r) for r in range(len(self.values))])


class Solver:
    def __init__(self, folder: str, n: int) -> None:
        self.folder, self.n = folder, n
        self.pool: MPI.Comm = MPI.COMM_WORLD
        self.active: MPI.Comm = MPI.COMM_NULL
        self.ranks: list[int] = []
        self.now: State | None = None
        self.before: State | None = None
        self.rank = self.pool.rank if self.pool.rank < n else -1  # -1: a spare
        self.record: Record | None = None
        if self.rank >= 0:
            self.now = State(0, [r + 1 for r in range(n)])
            self.record = Record(folder, self.rank)

    def run(self) -> None:
        for tries in range(TRIES_MAX):
            if tries > 0:
                self.shrink_pool()
            if self.join() and (self.wait_as_spare() if self.rank < 0 else self.compute()):
                break
        else:
            raise Failed("it did not get mended")
        if self.rank >= 0:
            self.check_result()
        if self.rank == 0:
            self.dismiss_spares()
            say_right(self.n)

    def give_ranks(self) -> None:
        for rank in range(self.n):
            if rank not in self.ranks:
                if -1 not in self.ranks:
                    raise Failed(f"no spare is left for rank {rank}")
                self.ranks[self.ranks.index(-1)] = rank

    def join(self) -> bool:
        made, mine = MPI.COMM_NULL, self.rank
        try:
            ranks = array("i", [0] * self.pool.size)
            self.pool.Allgather(array("i", [self.rank]), ranks)
            self.ranks = list(ranks)
            self.give_ranks()
            mine = self.ranks[self.pool.rank]
            made = self.pool.Split(MPI.UNDEFINED if mine < 0 else 0, max(mine, 0))
            ok = True
        except MPI.Exception:
            self.pool.Revoke()  # or others would wait in there for us
            ok = False
        if not self.agree(self.pool, ok):
            if made != MPI.COMM_NULL:
                made.Free()
            return False
        if mine != self.rank:
            self.record = Record(self.folder, mine)
        self.rank, self.active = mine, made
        return True

    @staticmethod
    def agree(comm: MPI.Comm, ok: bool) -> bool:
        try:
            return comm.Agree(int(ok)) == 1
        except MPI.Exception:
            return False

    def shrink_pool(self) -> None:
        if self.active != MPI.COMM_NULL:
            self.active.Revoke()
            self.active.Free()
        self.pool.Revoke()
        try:
            less = self.pool.Shrink()
        except MPI.Exception:
            return  # it is tried again
        if self.pool != MPI.COMM_WORLD:
            self.pool.Free()
        self.pool = less

    def go_back(self) -> None:
        steps = array("i", [0] * self.n)
        mine = self.now.step if self.now else 1 << 30
        self.active.Allgather(array("i", [mine]), steps)
        least = min(steps)
        state = self.before if mine > least and self.now else self.now
        numbers = array("i", [state.step] + state.values if state else [0] * (self.n + 1))
        self.active.Bcast(numbers, list(steps).index(least))
        self.now = State(numbers[0], list(numbers[1:]))

    def do_step(self) -> bool:
        """Whether there is another one."""
        if self.pool.Is_revoked():  # a spare is lost
            raise MPI.Exception(MPI.ERR_REVOKED)
        wanted = self.rank == 0 and end_wanted(self.folder)
        everyones = array("i", [0] * (2 * self.n))
        self.active.Allgather(array("i", [self.now.next_value(self.rank), int(wanted)]), everyones)
        if everyones[1]:
            return False
        self.before, self.now = self.now, State(self.now.step + 1, list(everyones[::2]))
        self.record.step(self.now.step)
        pause()
        return True

    def compute(self) -> bool:
        try:
            self.go_back()
            while self.do_step():
                pass
            ok = True
        except MPI.Exception:
            self.active.Revoke()
            ok = False
        return self.agree(self.active, ok)

    def wait_as_spare(self) -> bool:
        try:
            self.pool.Recv(array("i"), MPI.ANY_SOURCE, TAG_END)
            return True
        except MPI.Exception:
            return False

    def dismiss_spares(self) -> None:
        for to, rank in enumerate(self.ranks):
            if rank < 0:
                self.pool.Send(array("i"), to, TAG_END)

    def check_result(self) -> None:
        wanted = State(0, [r + 1 for r in range(self.n)])
        while wanted.step < self.now.step:
            wanted = wanted.after()
        if wanted.values != self.now.values:
            raise Failed(f"a wrong result: {self.now}, {wanted}")


# ---------------------------------------------------------------- repair


def run_solve(folder: str) -> None:
    import ft.mpi

    world = MPI.COMM_WORLD
    rank, n = world.rank, world.size
    record = Record(folder, rank)
    ring = world.Create_cart([n], periods=[True])
    state = array("q", [0, 0])  # step, value

    def next_value(left: int, own: int, right: int, total: int) -> int:
        return (3 * left + 5 * own + 7 * right + total) % MODULUS

    def do_step() -> bool:
        before, after = ring.Shift(0, 1)
        own, left, right, sums = state[1:], array("q", [0]), array("q", [0]), array("q", [0, 0])
        ring.Sendrecv(own, after, 1, left, before, 1)
        ring.Sendrecv(own, before, 2, right, after, 2)
        ft.mpi.commit_wait()
        wanted = rank == 0 and end_wanted(folder)
        world.Allreduce(array("q", [state[1], int(wanted)]), sums)
        if sums[1]:
            return False
        state[0], state[1] = state[0] + 1, next_value(left[0], own[0], right[0], sums[0])
        ft.mpi.commit(state[0])
        record.step(state[0])
        pause()
        return True

    def body(repair: ft.mpi.Repair) -> None:
        if (repair.rank, repair.world_n) != (rank, n):
            raise Failed(f"the world is another: {repair}")
        go_back = repair.repairs > 0
        try:
            if go_back and (version := ft.mpi.fetch_common(20.0)) != state[0]:
                raise Failed(f"another version's state: {version}, {state[0]}")
        except ft.mpi.Error:
            if ft.mpi.last_repair().repairs != repair.repairs:
                raise
            go_back = False  # nothing was committed yet
        if not go_back:
            state[0], state[1] = 0, rank + 1
        while do_step():
            pass

    ft.mpi.keep("state", state)
    ft.mpi.loop(body)
    values = [r + 1 for r in range(n)]
    for _ in range(state[0]):
        values = [next_value(values[r - 1], values[r], values[(r + 1) % n], sum(values))
                  for r in range(n)]
    if values[rank] != state[1]:
        raise Failed(f"a wrong result: {list(state)}, {values}")
    if rank == 0:
        say_right(n)
    ring.Free()


def main(what: str, folder: str, n: str = "0") -> None:
    if what == "publish":
        run_publish(folder)
    elif what == "ulfm":
        Solver(folder, int(n)).run()
    else:
        run_solve(folder)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # one rank's failure must not leave the others waiting
        print(f"matrix.py: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
        MPI.COMM_WORLD.Abort(3)
