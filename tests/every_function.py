#!/usr/bin/env python3
# ctest timeout: 120
"""`whorl explain` knows every function of the C library, of the C++ and the Python standard libraries, and of the libraries in C
that it has records of: each has both classes.

What there is to know is asked of this machine: what glibc and the libraries export (and what has a page in section 2 of the
manual), what module std of libc++ exports, and what Python finds when it looks into its own modules. Of these the modules,
and what is built in, need a record; what is inside of one may be answered by the record of that, which then says so.

usage: every_function.py      needs WHORL_BINARY in the environment
"""

import contextlib
import glob
import importlib.util
import inspect
import io
import json
import os
import pathlib
import pkgutil
import re
import subprocess
import sys
import warnings

WHORL = os.environ["WHORL_BINARY"]
AT_ONCE = 500  # names that one program is asked for

# Libraries that make up glibc, and libcrypt, whose functions POSIX has too.
C_LIBRARIES = ("libc.so.6", "libm.so.6", "libresolv.so.2", "libcrypt.so.1")
# Pages of section 2 that are no function: an introduction, a list, what other processors or kernels have.
NO_FUNCTION = re.compile(
    r"intro|syscalls|undocumented|unimplemented|select_tut|ioctl_\w+|seccomp_unotify|(arm|s390|ppc|spu|pciconfig)_\w+|"
    r"\w*hugepages|afs_syscall|break|(__)?clone2|getunwind|idle|(in|out)s?[bwl](_p)?|lock|madvise1|mpx|old\w+|perfmonctl|"
    r"phys|prof|security|setup|shmop|msgop|sgetmask|ssetmask|subpage_prot|tuxcall|vserver|_syscall|\w+32|_newselect")
# Libraries, and what of their exported names is their interface. One that is not installed is left out.
LIBRARIES = {
    "libcares.so.2": r"ares_\w+", "libcrypto.so.3": r"[A-Za-z]\w+", "libcurl.so.4": r"curl_\w+", "libdw.so.1": r"dw\w+",
    "libelf.so.1": r"g?elf\w+", "libevent_core-2.1.so.7": r"(ev|buffer)\w*[a-z0-9]", "libgio-2.0.so.0": r"g_\w+",
    "libglib-2.0.so.0": r"g_\w+", "libgobject-2.0.so.0": r"g_\w+", "libnghttp2.so.14": r"nghttp2_\w+", "libpq.so.5": r"\w+",
    "libsqlite3.so.0": r"sqlite3_\w+", "libssl.so.3": r"[A-Za-z]\w+", "libudunits2.so.0": r"ut\w+|cv_\w+",
    "libuv.so.1": r"uv_\w+", "libz.so.1": r"[a-z]\w+",
}
# Modules that do something when they are imported, or that belong to Python's own tests.
NOT_IMPORTED = {"antigravity", "idlelib", "test", "this", "turtledemo"}


def exported_by(library):
    for path in glob.glob(f"/lib/*-linux-gnu/{library}") or glob.glob(f"/usr/lib/*-linux-gnu/{library}"):
        listed = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, timeout=60, check=True).stdout
        for _, kind, symbol in (line.split() for line in listed.splitlines()):
            name = symbol.split("@")[0]
            if kind in "TWi" and not name.startswith("_"):
                yield name


def exported_by_glibc():
    for library in C_LIBRARIES:
        yield from exported_by(library)


def exported_by_libraries():
    for library, interface in LIBRARIES.items():
        yield from (name for name in exported_by(library) if re.fullmatch(interface, name))


def system_calls():
    for page in pathlib.Path("/usr/share/man/man2").glob("*.2.gz"):
        name = page.name.removesuffix(".2.gz")
        if not NO_FUNCTION.fullmatch(name):
            yield name


def exported_by_module_std():
    for part in sorted(glob.glob("/usr/lib/llvm-*/share/libc++/v1/std/**/*.inc", recursive=True)):
        text = pathlib.Path(part).read_text(encoding="utf-8")
        for name in re.findall(r"using (std::[\w:]*\w)\s*;", text):
            if "__" not in name and not name.endswith("operator"):
                yield name


def python_modules():
    for name in sorted(sys.stdlib_module_names):
        if name.startswith("_"):
            continue
        yield name
        found = importlib.util.find_spec(name) if name not in NOT_IMPORTED else None
        for inside in pkgutil.iter_modules(found.submodule_search_locations, name + ".") if found and found.submodule_search_locations else ():
            if not inside.name.rpartition(".")[2].startswith(("_", "test")):
                yield inside.name


def inside_of_python(name):
    """The public functions and classes of a module, and the classes' own methods."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(name)
    except ImportError:  # of another operating system, or packaged apart
        return
    prefix = "" if name == "builtins" else name + "."
    public = getattr(module, "__all__", None)
    for member in public or dir(module):
        value = getattr(module, member, None)
        is_own = public is not None or getattr(value, "__module__", name) in (name, "_" + name, None)
        if member.startswith("_") or not callable(value) or not is_own:
            continue
        yield prefix + member
        if inspect.isclass(value) and not issubclass(value, BaseException):
            for method in vars(value):
                if not method.startswith("_") and callable(getattr(value, method, None)):
                    yield f"{prefix}{member}.{method}"


def known_to_python():
    warnings.simplefilter("ignore")
    for name in python_modules():
        yield f"python:{name}"
        if name.partition(".")[0] not in NOT_IMPORTED:
            yield from (f"python:{each}" for each in inside_of_python(name))


def unanswered(names):
    for begin in range(0, len(names), AT_ONCE):
        asked = names[begin:begin + AT_ONCE]
        done = subprocess.run([WHORL, "explain", "--json", *asked], capture_output=True, text=True, timeout=60, check=False)
        answers = json.loads(done.stdout)
        assert len(answers) == len(asked), (len(answers), len(asked))
        for given in answers:
            if not given["found"] or "unknown" in (given["blocking"]["class"], given["thread"]["class"]):
                yield given["symbol"]


def check(library, names, at_least):
    names = sorted(set(names))
    assert len(names) >= at_least, f"only {len(names)} names of {library} were found on this machine"
    missing = list(unanswered(names))
    print(f"{library}: {len(names) - len(missing)} of {len(names)} names are known")
    if missing:
        print("  without an answer: " + " ".join(missing[:200]))
    return not missing


def main():
    good = [
        check("glibc", [*exported_by_glibc(), *system_calls()], 2500),
        check("the C++ standard library", exported_by_module_std(), 1500),
        check("the Python standard library", known_to_python(), 8000),
        check("libraries", exported_by_libraries(), 800),
    ]
    sys.exit(0 if all(good) else 1)


main()
