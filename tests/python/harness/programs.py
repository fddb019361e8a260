"""Programs that a suite starts and stops, and waiting with a timeout."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CHAT = TARGET / "debug/chat"

# How long one step may take, in seconds. Compilation has a longer timeout.
TIMEOUT = 120
COMPILE_TIMEOUT = 1200

# Cargo finds `cargo lambda` in this folder.
TOOLS = pathlib.Path(sys.executable).parent


# The features that `tests/run` tests with.
FEATURES = "lambda_ws/jwt,lambda_ws/http,lambda_ws/otel"


def build(*programs):
    """Builds programs of the workspace as `cargo dev` builds them, so that it finds all dependencies compiled."""
    subprocess.run(["cargo", "build", "--quiet", *(f"--bin={name}" for name in programs)], cwd=ROOT, check=True)


def build_examples(*names):
    """Builds examples of the workspace as the Rust suites build them, so that all dependencies are compiled already."""
    options = ["--workspace", f"--features={FEATURES}", *(f"--example={name}" for name in names)]
    subprocess.run(["cargo", "build", "--quiet", *options], cwd=ROOT, check=True)


def environment_without_aws(**variables):
    """Returns an environment without an AWS account."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {"PATH": f"{TOOLS}{os.pathsep}{os.environ['PATH']}"} | variables


@contextlib.contextmanager
def running(command, patience=5, **options):
    """Runs a program. Sends it Ctrl-C at the end, and kills its process group after `patience` seconds."""
    # In a session of its own, so that no process outlives a suite that fails.
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
        # To the whole group, as a terminal does.
        signal_group(process, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    finally:
        signal_group(process, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def signal_group(process, number):
    """Sends a signal to the processes that are left of a process's group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def free_port():
    """Returns a port on which no program listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for_port(process, port):
    """Waits until a program listens on a port."""

    def look():
        if process.poll() is not None:
            raise AssertionError(f"{process.args} has ended with {process.returncode}")
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    eventually(f"a program that listens on {port}", look)


def eventually(what, look):
    """Calls `look` until it returns something true, and returns that."""
    end = time.monotonic() + TIMEOUT
    pause = 0.005
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {TIMEOUT} s")
        time.sleep(pause)
        pause = min(pause * 2, 0.2)


def fetch_json(url, body=None, method=None):
    """Returns the JSON with which a server answers. A request with a body is a POST by default."""
    request = urllib.request.Request(url, body, method=method)
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        return json.load(answer)
