# SPDX-License-Identifier: BSD-3-Clause
"""ft.h for Python."""

from __future__ import annotations

import ctypes
import enum
from dataclasses import dataclass, field
from types import TracebackType
from typing import Mapping, Sequence

from . import _c, _errors


class Usage(enum.IntEnum):
    """What was being done with the resource when it failed."""

    SEND = 1
    RECEIVE = 2
    READ = 3
    WRITE = 4
    COMPUTE = 5
    RELEASE = 6


class Rung(enum.IntEnum):
    """How an alternative came about."""

    NOTHING = 0
    REPAIR = 1
    SPARE_RANK = 2
    IDLE_NODE = 3
    NEW_NODE = 4
    SHARING = 5


class Resource:
    """Something that a program uses and may lose.

    Made by node, rank, process, device, link, storage.
    """

    def __init__(self, c: _c.Resource) -> None:
        if c.error != 0:
            raise _errors.of_code(c.error, _c.text(c.name))
        self._c = c

    @property
    def node(self) -> str:
        """The node it is on; "" for a rank: the runtime knows where it ran."""
        return _c.text(self._c.node)

    @property
    def job(self) -> str:
        return _c.text(self._c.job)

    @property
    def number(self) -> int:
        """Of a rank: the rank; of a process: its id."""
        return self._c.number

    @property
    def name(self) -> str:
        return _c.text(self._c.name)

    def __str__(self) -> str:
        words = ctypes.create_string_buffer(4 * _c.NAME_MAX)
        _c.libft.ftResourceText(ctypes.byref(self._c), words, len(words))
        return _c.text(words.value)

    def __repr__(self) -> str:
        return f"<ft.Resource {self}>"


def node(name: str) -> Resource:
    """A computer, by its name."""
    return Resource(_c.libft.ftNode(_c.name(name)))


def rank(number: int) -> Resource:
    """A rank of the own job (in MPI.COMM_WORLD)."""
    return Resource(_c.libft.ftRank(number))


def rank_of(job: str, number: int) -> Resource:
    """A rank of another job, by its PMIx namespace."""
    return Resource(_c.libft.ftRankOf(_c.name(job), number))


def process(node: str, pid: int) -> Resource:
    """Any process."""
    return Resource(_c.libft.ftProcess(_c.name(node), pid))


def device(node: str, name: str) -> Resource:
    """A device of a node, by hwloc's name for it."""
    return Resource(_c.libft.ftDevice(_c.name(node), _c.name(name)))


def link(node: str, other_node: str) -> Resource:
    """The connection between two nodes."""
    return Resource(_c.libft.ftLink(_c.name(node), _c.name(other_node)))


def storage(node: str, path: str) -> Resource:
    """Storage that a node uses."""
    return Resource(_c.libft.ftStorage(_c.name(node), _c.name(path)))


@dataclass(frozen=True)
class Constraint:
    """What an alternative must satisfy; all of it together. Without arguments: anything will do."""

    cores: int = 0  # at least so many
    memory_bytes: int = 0  # at least so much
    devices: Mapping[str, int] = field(default_factory=dict)  # {"gpu": 1}
    arch: str = ""  # as `uname -m` prints it
    at_least: bool = False  # at least what the lost resource's node had
    same_kind: bool = False  # the same hardware topology
    exclude: Sequence[str] = ()  # nodes; excluding what was given asks for the next one
    near: Resource | None = None  # a preference, never a demand
    far: Resource | None = None
    ladder: Sequence[str] = ()  # how a node may come: "spares", "expand", "beside", in this order
    when_none: Sequence[str] = ()  # if none is free: "wait", "share", "later" or "fewer"
    wait: float = 0  # so long for a node, in s; 0: as ft.conf says

    def _as_c(self) -> _c.Constraint:
        lib = _c.libft
        c = lib.ftAny()
        if self.cores:
            c = lib.ftNeedCores(c, self.cores)
        if self.memory_bytes:
            c = lib.ftNeedMemory(c, self.memory_bytes)
        for kind, count in self.devices.items():
            c = lib.ftNeedDevices(c, _c.name(kind), count)
        if self.arch:
            c = lib.ftNeedArch(c, _c.name(self.arch))
        if self.at_least:
            c = lib.ftNeedAtLeast(c)
        if self.same_kind:
            c = lib.ftNeedSameKind(c)
        for excluded in self.exclude:
            c = lib.ftExclude(c, _c.name(excluded))
        if self.near is not None:
            c = lib.ftNear(c, self.near._c)
        if self.far is not None:
            c = lib.ftFar(c, self.far._c)
        if self.ladder:
            c = lib.ftLadder(c, _c.name(",".join(self.ladder)))
        if self.when_none:
            c = lib.ftWhenNone(c, _c.name(",".join(self.when_none)))
        if self.wait:
            c = lib.ftWaitUpTo(c, _c.timeout_ms(self.wait))
        if c.error != 0:
            raise _errors.of_code(c.error, _c.text(c.excluded))
        return c


@dataclass(frozen=True)
class Alternative:
    """What to use instead."""

    node: str
    rank: int | None  # of a spare: its rank


@dataclass(frozen=True)
class Steps:
    """How long each step took, in s; negative: not known."""

    known: float
    decide: float
    probe: float
    total: float


class Reply:
    """What the runtime answered."""

    def __init__(self, c: _c.Reply) -> None:
        self._c = c

    @property
    def event(self) -> int:
        """The number of the entry in the event log, 0 if none."""
        return self._c.event

    @property
    def decision(self) -> int:
        """Equal for all who were given the same alternative."""
        return self._c.decision

    @property
    def epoch(self) -> int:
        """How many alternatives the resource has had, this one included."""
        return self._c.epoch

    @property
    def lost_node(self) -> str:
        return _c.text(self._c.lost_node)

    @property
    def alternative(self) -> Alternative:
        alternative = self._c.alternative
        number = self._c.reach_rank if self._c.reach == 3 else None
        return Alternative(_c.text(alternative.node), number)

    @property
    def rung(self) -> Rung:
        return Rung(self._c.rung)

    @property
    def match(self) -> str:
        """How the alternative satisfies the constraint."""
        return _c.text(self._c.match)

    @property
    def repairable(self) -> bool:
        return bool(self._c.repairable)

    @property
    def repair(self) -> str:
        """How it can be repaired in place, or why not."""
        return _c.text(self._c.repair)

    @property
    def steps(self) -> Steps:
        steps = self._c.steps
        return Steps(*(ms / 1e3 for ms in (steps.known_ms, steps.decide_ms, steps.probe_ms,
                                           steps.total_ms)))

    @property
    def available_at(self) -> int:
        """Without an alternative: when one becomes available (Unix time), 0: not known."""
        return self._c.available_at_s

    @property
    def fewer(self) -> bool:
        """Without an alternative: whether the policy is to go on without."""
        return bool(self._c.fewer)

    def __repr__(self) -> str:
        return f"<ft.Reply decision {self.decision}: {self.alternative}>"


class Runtime:
    """A connection to an FT host. To be closed; also a context manager."""

    def __init__(self, host: str | None = None) -> None:
        self._handle = _c.Handle()
        code = _c.libft.openFT(None if host is None else _c.name(host),
                               ctypes.byref(self._handle))
        if code != 0:
            raise _errors.of_code(code)

    def close(self) -> None:
        """Once is enough; again does nothing."""
        if self._handle.id != 0:
            _c.libft.closeFT(self._handle)
            self._handle = _c.Handle()

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def _request(self, action: _c.Action, timeout: float | None) -> Reply:
        reply = _c.Reply()
        code = _c.libft.requestFT(self._handle, action, ctypes.byref(reply),
                                  _c.timeout_ms(timeout))
        if code != 0:
            raise _errors.of_code(code, _c.text(reply.reason), _c.text(reply.hint), Reply(reply))
        return Reply(reply)

    def resource_error(self, resource: Resource, usage: Usage = Usage.SEND,
                       timeout: float | None = 5.0) -> Reply:
        """Reports an error that was met while using a resource. Again is harmless."""
        return self._request(_c.libft.resourceError(resource._c, int(usage)), timeout)

    def find_alternative(self, resource: Resource, constraint: Constraint = Constraint(),
                         timeout: float | None = 10.0) -> Reply:
        """What may be used instead of a resource; it has been probed. Asked again, the answer is
        the same as long as it holds. Raises NoAlternative, UnfitError, TimeoutError, ..."""
        return self._request(_c.libft.findAlternative(resource._c, constraint._as_c()), timeout)


def open(host: str | None = None) -> Runtime:
    """Connects to an FT host; None: this node's unit."""
    return Runtime(host)
