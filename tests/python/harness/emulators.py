"""Programs that run the function in place of Lambda, and a gateway that invokes them."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess

import samcli

from .gateway import serve
from .programs import CHAT, ROOT, TARGET, TIMEOUT, TOOLS, environment_without_aws, eventually, free_port, running
from .programs import wait_for_port

# `sam local` runs this program in its container.
EMULATOR = pathlib.Path(samcli.__file__).parent / "local/rapid/aws-lambda-rie-x86_64"

# The last variable that the template names.
LAST = "METRICS_NAMESPACE"

EVENTS = sorted((ROOT / "events").glob("*.json"))


def variables(stderr_lines):
    """Returns the function's environment once the gateway has printed all of it."""
    found = (re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.*)", line) for line in list(stderr_lines))
    found = dict(match.groups() for match in found if match)
    # They are printed in the order of their names.
    return found if LAST in found else None


@contextlib.contextmanager
def emulator(port, environment, function=CHAT):
    """Runs a function, by default the chat, in the Runtime Interface Emulator, which handles one event at a time."""
    if not os.access(EMULATOR, os.X_OK):
        # A Python package does not keep the permissions of its files.
        program = TOOLS / EMULATOR.name
        shutil.copyfile(EMULATOR, program)
        program.chmod(0o755)
    else:
        program = EMULATOR
    command = [program, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", function]
    # Without the developer's environment, as in a container.
    environment = {"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(ROOT)} | environment
    environment.setdefault("AWS_LAMBDA_FUNCTION_NAME", "Chat")
    with running(command, env=environment) as process:
        wait_for_port(process, port)
        yield


def emulator_url(port):
    return f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"


@contextlib.contextmanager
def watch(port, environment):
    """Runs the chat in `cargo lambda watch`."""
    file = TARGET / f"tools/watch-{port}.env"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    command = ["cargo", "lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    command += ["--ignore-changes", "--env-file", str(file)]
    try:
        with running(command, cwd=ROOT, env=environment_without_aws()) as process:
            wait_for_port(process, port)
            yield
    finally:
        file.unlink()


def watch_url(port):
    return f"http://127.0.0.1:{port}/2015-03-31/functions/chat/invocations"


@contextlib.contextmanager
def gateway_with(run, url):
    """Serves a gateway that invokes `url(port)`, where `run` runs the function in the environment that it prints."""
    port, stderr_lines = free_port(), []
    with serve("--invoke-url", url(port), stderr_lines=stderr_lines) as gateway:
        environment = eventually("the function's environment", lambda: variables(stderr_lines))
        with run(port, environment):
            yield gateway, port


def invoke_directly(gateway, files):
    """Returns the responses of `lambda-ws-local invoke` to event files, with the endpoints of a gateway."""
    endpoints = ["--dynamodb-endpoint", gateway.dynamodb, "--management-endpoint", gateway.management]
    command = ["cargo", "dev", "invoke", "--verbatim", *map(str, files), *endpoints, "--", str(CHAT)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=TIMEOUT)
    return [json.loads(line) for line in done.stdout.splitlines()]
