#!/usr/bin/python3
"""The operations of bench/round_trip.cpp with Twisted's deferToThread: prints {"operation": nanoseconds, ...}.

Run by the system's own Python, for which Debian packages Twisted.
"""

import json
import statistics
import time

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import reactor  # noqa: E402: after its kind was chosen
from twisted.internet.defer import ensureDeferred, gatherResults  # noqa: E402
from twisted.internet.threads import deferToThread  # noqa: E402

ROUNDS = 5


def work(value):
    return value + 1


async def chain(calls):
    for call in range(calls):
        await deferToThread(work, call)


async def nanoseconds_each(chains, calls):
    """The time of one round trip, median over the rounds."""
    seen = []
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        await gatherResults([ensureDeferred(chain(calls)) for _ in range(chains)])
        seen.append((time.perf_counter_ns() - began) / (chains * calls))
    return statistics.median(seen)


async def measure():
    await chain(50)
    print(json.dumps({"one_at_a_time": await nanoseconds_each(1, 500), "in_flight_64": await nanoseconds_each(64, 30)}))
    reactor.stop()


if __name__ == "__main__":
    reactor.suggestThreadPoolSize(4)
    reactor.callWhenRunning(lambda: ensureDeferred(measure()))
    reactor.run()
