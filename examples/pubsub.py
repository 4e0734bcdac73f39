#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pubsub.py - a publisher that outlives its subscribers' nodes; pubsub.c's idea in short, in Python.

    ft run --host n0,n1,n2 -n 3 --pool n3 python3 pubsub.py FOLDER [MESSAGES [PAUSE_MS]]

Rank 0 publishes: it sends each message to every other rank and waits for its acknowledgement. A
subscriber writes each message down in FOLDER/received.RANK.EPOCH before it acknowledges it. When a
subscriber is lost, mpi4py's calls that name it raise MPI.Exception; the publisher then asks for an
alternative, has this same program started there, and sends the message again.
"""

from __future__ import annotations

import sys
import time
from array import array
from dataclasses import dataclass

from mpi4py import MPI

import ft
import ft.mpi

TAG_MESSAGE, TAG_ACK = 1, 2
LAST = -1
ATTEMPTS_MAX = 5


@dataclass
class Subscriber:
    """As the publisher sees it."""

    rank: int  # in the original job
    comm: MPI.Comm
    peer: int  # on comm


class Publisher:
    def __init__(self, runtime: ft.Runtime, messages: int, pause_ms: int) -> None:
        world = MPI.COMM_WORLD
        self.runtime = runtime
        self.messages = messages
        self.pause_ms = pause_ms
        self.losses = 0
        self.subscribers = [Subscriber(r, world, r) for r in range(1, world.size)]

    def publish(self) -> None:
        for seq in range(1, self.messages + 1):
            for subscriber in self.subscribers:
                self.deliver(subscriber, seq)
            time.sleep(self.pause_ms / 1000)
        for subscriber in self.subscribers:
            subscriber.comm.Send(array("i", [LAST]), subscriber.peer, TAG_MESSAGE)
            if subscriber.comm != MPI.COMM_WORLD:
                ft.mpi.leave(subscriber.comm)
        print(f"published {self.messages} messages to {len(self.subscribers)} subscribers, "
              f"{self.losses} lost and replaced", flush=True)

    def deliver(self, subscriber: Subscriber, seq: int) -> None:
        """Until it is acknowledged, by the subscriber or by one that stands in for it."""
        ack = array("i", [0])
        while ack[0] != seq:
            try:
                subscriber.comm.Send(array("i", [seq]), subscriber.peer, TAG_MESSAGE)
                subscriber.comm.Recv(ack, subscriber.peer, TAG_ACK)
            except MPI.Exception:
                self.retarget(subscriber)

    def retarget(self, subscriber: Subscriber) -> None:
        lost = ft.rank(subscriber.rank)
        for _ in range(ATTEMPTS_MAX):
            try:
                self.runtime.resource_error(lost, ft.Usage.SEND)
                reply = self.runtime.find_alternative(lost, ft.Constraint(at_least=True))
                comm, peer = ft.mpi.reach(self.runtime, reply, sys.executable, sys.argv, 20.0)
            except (ft.UnfitError, ft.LostError, ft.TimeoutError, ft.mpi.Error):
                continue  # it was unfit: the runtime knows by now
            print(f"subscriber {subscriber.rank} lost with node {reply.lost_node}, going on with "
                  f"{reply.alternative.node}", flush=True)
            self.losses += 1
            if subscriber.comm != MPI.COMM_WORLD:
                ft.mpi.leave(subscriber.comm)
            subscriber.comm, subscriber.peer = comm, peer
            return
        raise RuntimeError(f"subscriber {subscriber.rank} could not be replaced")


def subscribe(folder: str, comm: MPI.Comm, rank: int, epoch: int) -> None:
    message = array("i", [0])
    with open(f"{folder}/received.{rank}.{epoch}", "w", buffering=1) as received:
        while True:
            comm.Recv(message, 0, TAG_MESSAGE)
            if message[0] == LAST:
                return
            received.write(f"{message[0]}\n")
            comm.Send(message, 0, TAG_ACK)


def main(folder: str, messages: str = "500", pause_ms: str = "0") -> None:
    MPI.COMM_WORLD.Set_errhandler(MPI.ERRORS_RETURN)  # mpi4py makes exceptions of them
    me = ft.mpi.standin()
    if me is not None:
        subscribe(folder, me.comm, me.rank, me.epoch)
    elif MPI.COMM_WORLD.rank > 0:
        subscribe(folder, MPI.COMM_WORLD, MPI.COMM_WORLD.rank, 0)
    else:
        with ft.open() as runtime:
            Publisher(runtime, int(messages), int(pause_ms)).publish()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # one rank's failure must not leave the others waiting
        print(f"pubsub.py: {error}", file=sys.stderr, flush=True)
        MPI.COMM_WORLD.Abort(1)
