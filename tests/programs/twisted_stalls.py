"""A Twisted program with four callbacks that hold the reactor up, one after the other; and one that changes
the directory of the whole process, and waits so shortly that it holds nothing up."""

import os
import sqlite3
import sys
import time
import urllib.request

from twisted.internet import defer, reactor, task

SLOW, LOCKED = sys.argv[1:]


def sleeps():
    time.sleep(0.2)


def fetches():
    urllib.request.urlopen(SLOW).read()


def asks_database():
    try:
        sqlite3.connect(LOCKED, timeout=0.3).execute("INSERT INTO t VALUES (1)")
    except sqlite3.OperationalError as why:
        print("database:", why)


def computes():
    until = time.process_time() + 0.25
    number = 0
    while time.process_time() < until:
        number += sum(range(100))


def moves():
    os.chdir("/")
    time.sleep(0.005)


async def work():
    for step in (sleeps, fetches, asks_database, computes, moves):
        await task.deferLater(reactor, 0.3)
        step()
    print("done")


def main(_reactor):
    return defer.ensureDeferred(work())


task.react(main)
