#!/usr/bin/env python3
"""Converts the example's weather to imperial units and asks the program `units`, a separate implementation with a
separate database, whether every cell is right to 1e-9 of its size.

usage: units_agree.py      needs WHORL_BUILD_DIR in the environment; exit status 77 if `units` is not installed
"""

import csv
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

INPUT = pathlib.Path(__file__).resolve().parent.parent / "examples" / "data" / "seattle-weather.csv"
PROGRAM = pathlib.Path(os.environ["WHORL_BUILD_DIR"]) / "example_convert_table"
LARGEST_DIFFERENCE = 1e-9

# column: units as UDUNITS-2 knows them, and how `units` is asked for the same
COLUMNS = {
    "precipitation": ("mm", "inch", "{} mm", "inch"),
    "temp_max": ("degC", "degF", "tempC({})", "tempF"),
    "temp_min": ("degC", "degF", "tempC({})", "tempF"),
    "wind": ("m/s", "knot", "{} m/s", "knot"),
}


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


def convert(output):
    columns = [word for name, units in COLUMNS.items() for word in (name, units[0], units[1])]
    subprocess.run([PROGRAM, INPUT, output, *columns], check=True, stdout=subprocess.DEVNULL, timeout=60)


def ask_units(questions):
    """The answers of one `units` process to (have, want) pairs."""
    asked = "".join(f"{have}\n{want}\n" for have, want in questions)
    command = ["units", "--quiet", "--one-line", "--compact", "--output-format", "%.17g"]
    answered = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    if len(answered) != len(questions):
        sys.exit(f"units answered {len(answered)} of {len(questions)} questions; try it by hand: {' '.join(command)}")
    return [float(answer) for answer in answered]


def differences(header, before, after):
    """Says what is wrong with each cell that is not as it should be; second: the largest relative difference."""
    wrong, largest = [], 0.0
    for index, name in enumerate(header):
        if name not in COLUMNS:
            wrong += [f"{name}, row {row}: was changed" for row, (old, new) in enumerate(zip(before, after), 2) if old[index] != new[index]]
            continue
        have, want = COLUMNS[name][2:]
        expected = ask_units([(have.format(old[index]), want) for old in before])
        for row, (new, answer) in enumerate(zip(after, expected), 2):
            difference = abs(float(new[index]) - answer) / (abs(answer) or 1)
            largest = max(largest, difference)
            if difference > LARGEST_DIFFERENCE:
                wrong.append(f"{name}, row {row}: {new[index]} here, {answer!r} by units")
    return wrong, largest


def main():
    if shutil.which("units") is None:
        print("units is not installed; nothing compared")
        sys.exit(77)
    if not PROGRAM.exists():
        print(f"{PROGRAM} is not built here; nothing compared")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "imperial.csv"
        convert(output)
        header, before = read_table(INPUT)
        new_header, after = read_table(output)
    if header != new_header or len(before) != len(after):
        sys.exit(f"the header or the number of rows changed: {new_header}, {len(after)} rows of {len(before)}")
    wrong, largest = differences(header, before, after)
    print(f"{len(after)} rows, {len(COLUMNS) * len(after)} cells compared with units: "
          f"{len(wrong)} wrong, largest relative difference {largest:.1e}")
    sys.exit("\n".join(wrong[:20]) if wrong else 0)


if __name__ == "__main__":
    main()
