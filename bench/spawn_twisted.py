#!/usr/bin/python3
"""Child processes spawned and reaped one at a time by Twisted, as bench/spawn.cpp does: a line a resident size.

usage: spawn_twisted.py [RESIDENT_MEGABYTES [ROUNDS]]
Run by the system's own Python, for which Debian packages Twisted.
"""

import mmap
import statistics
import sys
import time

from twisted.internet import defer, protocol, reactor

SMALL_MEGABYTES = 20
SPAWNS_A_ROUND = 40
PAGE = 4096


class Ended(protocol.ProcessProtocol):
    def __init__(self):
        self.ended = defer.Deferred()

    def processEnded(self, reason):
        self.ended.callback(None)


async def spawn_round():
    began = time.perf_counter()
    for _ in range(SPAWNS_A_ROUND):
        child = Ended()
        reactor.spawnProcess(child, "/bin/true", ["/bin/true"], env=None, childFDs={0: 0, 1: 1, 2: 2})
        await child.ended
    return time.perf_counter() - began


def resident(megabytes):
    memory = mmap.mmap(-1, max(megabytes, 1) << 20)
    for at in range(0, len(memory), PAGE):
        memory[at] = 1
    return memory


async def measure(large_megabytes, rounds):
    kept = []
    for megabytes in (SMALL_MEGABYTES, large_megabytes):
        kept.append(resident(megabytes - (SMALL_MEGABYTES if kept else 0)))
        took = [await spawn_round() for _ in range(rounds)]
        print(f"{megabytes} MB resident\n  {'Twisted':16} {SPAWNS_A_ROUND / statistics.median(took):6.0f} a second", flush=True)
    reactor.stop()


if __name__ == "__main__":
    wanted = [int(word) for word in sys.argv[1:]] + [4096, 1][len(sys.argv) - 1:]
    reactor.callWhenRunning(lambda: defer.ensureDeferred(measure(*wanted)))
    reactor.run()
