#!/usr/bin/python3
"""The operations of bench/deferred.cpp with Twisted's Deferred: prints {"operation": nanoseconds, ...}.

Run by the system's own Python, for which Debian packages Twisted.
"""

import json
import statistics
import time

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults

ROUNDS = 5
TIMES = 10_000


def nanoseconds_each(run):
    """CPU time of one of run(TIMES), median over the rounds."""
    seen = []
    for _ in range(ROUNDS):
        began = time.process_time_ns()
        run(TIMES)
        seen.append((time.process_time_ns() - began) / TIMES)
    return statistics.median(seen)


def one_callback(times):
    for number in range(times):
        operation = Deferred()
        operation.addCallback(lambda value: value + 1)
        operation.callback(number)


async def child_with(value):
    return value


async def child_waiting_for(operation):
    value = await operation
    return value + 1


def await_ready(times):
    async def parent():
        for number in range(times):
            await ensureDeferred(child_with(number))
    ensureDeferred(parent())


def await_unfired(times):
    started = []

    async def parent():
        for _ in range(times):
            started.append(Deferred())
            await ensureDeferred(child_waiting_for(started[-1]))
    ensureDeferred(parent())
    for number in range(times):
        started.pop().callback(number)


def gather_10(times):
    started = []

    async def parent():
        for _ in range(times // 10):
            started[:] = [Deferred() for _ in range(10)]
            await gatherResults([ensureDeferred(child_waiting_for(each)) for each in started])
    ensureDeferred(parent())
    for number in range(times // 10):
        for each in list(started):
            each.callback(number)


if __name__ == "__main__":
    print(json.dumps({
        "one_callback": nanoseconds_each(one_callback),
        "await_ready": nanoseconds_each(await_ready),
        "await_unfired": nanoseconds_each(await_unfired),
        "gather_10": nanoseconds_each(gather_10) * 10,
    }))
