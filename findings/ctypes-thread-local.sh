#!/usr/bin/env bash
# One would guess: what a callback from a native thread keeps in threading.local() is there in the next call from
#   that thread.
# What happens: with cffi it is. With ctypes each call gets a Python thread state of its own, which is thrown
#   away when it returns: all of threading.local() is new each time, as is what a context variable was set to.
#   current_thread() is the same object throughout, so nothing looks wrong.
# Why it matters: many bindings of sound and calls deliver their sound by ctypes callbacks. A buffer, a connection
#   or a decoder that is "made once for each thread" is made anew for each 10 ms of sound, without a word.
# Needs: gcc.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check cffi==2.1.1
cd "$work"
cat >native.c <<'C'
#include <pthread.h>

static void (*call)(int);
static int calls;

static void *run(void *unused) {
    for (int number = 0; number < calls; number++) call(number);
    return unused;
}

int from_one_thread(void (*wanted)(int), int count) {
    pthread_t thread;
    call = wanted, calls = count;
    return pthread_create(&thread, 0, run, 0) || pthread_join(thread, 0);
}
C
gcc -shared -fPIC -o native.so native.c -lpthread
"$work/venv/bin/python" - <<'PY'
import contextvars
import ctypes
import platform
import sys
import threading

import cffi

CALLS = 10


def kept(run) -> dict[str, int]:
    """Return in how many calls what an earlier one had set was there, and how many threads Python saw."""
    local, context, threads = threading.local(), contextvars.ContextVar("kept", default=0), []
    found = {"local": 0, "context": 0}

    def callback(_: int) -> None:
        found["local"] += hasattr(local, "made")
        found["context"] += context.get()
        local.made = True
        context.set(1)
        threads.append(threading.current_thread())

    run(callback)
    return found | {"threads": len(set(threads))}


def by_ctypes(callback) -> None:
    ctypes.CDLL("./native.so").from_one_thread(ctypes.CFUNCTYPE(None, ctypes.c_int)(callback), CALLS)


def by_cffi(callback) -> None:
    ffi = cffi.FFI()
    ffi.cdef("int from_one_thread(void (*)(int), int);")
    ffi.dlopen("./native.so").from_one_thread(ffi.callback("void(int)", callback), CALLS)


one, other = kept(by_ctypes), kept(by_cffi)
print(f"Python {platform.python_version()}, {CALLS} calls from one thread, kept to a next one: ctypes {one},"
      f" cffi {cffi.__version__} {other}")
sys.exit(not (one == {"local": 0, "context": 0, "threads": 1}
              and other == {"local": CALLS - 1, "context": CALLS - 1, "threads": 1}))
PY
