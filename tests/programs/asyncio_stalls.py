"""An asyncio program with four coroutines that hold the loop up, one after the other; and one that changes
the directory of the whole process, and waits so shortly that it holds nothing up."""

import asyncio
import os
import sqlite3
import sys
import time
import urllib.request

SLOW, LOCKED = sys.argv[1:]


async def sleeps():
    time.sleep(0.2)


async def fetches():
    urllib.request.urlopen(SLOW).read()


async def asks_database():
    try:
        sqlite3.connect(LOCKED, timeout=0.3).execute("INSERT INTO t VALUES (1)")
    except sqlite3.OperationalError as why:
        print("database:", why)


async def computes():
    until = time.process_time() + 0.25
    number = 0
    while time.process_time() < until:
        number += sum(range(100))


async def moves():
    os.chdir("/")
    time.sleep(0.005)


async def main():
    for step in (sleeps, fetches, asks_database, computes, moves):
        await step()
        await asyncio.sleep(0.3)
    print("done")


asyncio.run(main())
time.sleep(0.2)  # the loop is over: this holds nothing up
