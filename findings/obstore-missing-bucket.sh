#!/usr/bin/env bash
# One would guess: FileNotFoundError from obstore says that the object which was asked for is not there, as
#   with open(). To write an object can then fail in many ways, but not in this one.
# What happens: each 404 becomes FileNotFoundError, "Object at location … not found", also that of a bucket
#   which does not exist: for put() and delete(), too. A list of the same bucket raises GenericError.
# Why it matters: who removes what may be gone already passes over FileNotFoundError, and so over a bucket's
#   wrong name. Where a file is sent, it reads as if the local file were missing.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check obstore==0.12.1 'moto[server]==5.1.22'
"$work/venv/bin/python" - <<'PY'
import logging
import os
from importlib.metadata import version

import obstore
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
endpoint = "http://{}:{}".format(*server.get_host_and_port())
store = S3Store(
    "no-such-bucket",
    endpoint=endpoint,
    access_key_id="key",
    secret_access_key="secret",
    region="us-east-1",
    client_options={"allow_http": True},
)
raised = {}
for name, act in (
    ("put", lambda: obstore.put(store, "call.flac", b"fLaC")),
    ("delete", lambda: obstore.delete(store, "call.flac")),
    ("get", lambda: obstore.get(store, "call.flac")),
    ("list", lambda: list(obstore.list(store))),
):
    try:
        act()
        raised[name] = "nothing"
    except Exception as error:
        has_code = "NoSuchBucket" in str(error)
        raised[name] = type(error).__name__ + (" (NoSuchBucket)" if has_code else "")
print(
    f"obstore {version('obstore')}, moto {version('moto')}, a bucket that does not exist: "
    + ", ".join(f"{name} raises {what}" for name, what in raised.items()),
    flush=True,
)
gone = "FileNotFoundError (NoSuchBucket)"
os._exit(list(raised.values()) != [gone, gone, gone, "GenericError (NoSuchBucket)"])
PY
