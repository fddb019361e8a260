"""What runs the function in place of Lambda, and a gateway in front of it."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))

import samcli  # noqa: E402
from gateway import PATIENCE, ROOT, end_group, eventually, serve  # noqa: E402
from websockets.sync.client import connect  # noqa: E402

# Cargo looks for `cargo lambda` there.
TOOLS = pathlib.Path(sys.executable).parent
PATH = f"{TOOLS}{os.pathsep}{os.environ['PATH']}"

TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
CHAT = TARGET / "debug/chat"

# What `sam local` runs in its container.
EMULATOR = pathlib.Path(samcli.__file__).parent / "local/rapid/aws-lambda-rie-x86_64"

# The last variable that the template names.
LAST = "METRICS_NAMESPACE"

EVENTS = sorted((ROOT / "events").glob("*.json"))


def build(*what):
    """Builds programs of the workspace."""
    subprocess.run(["cargo", "build", "--quiet", *what], cwd=ROOT, check=True)


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def bare(**variables):
    """An environment without an AWS account."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | {"PATH": PATH} | variables


@contextlib.contextmanager
def running(command, **options):
    """A program, which ends with all that it has started."""
    process = subprocess.Popen(command, start_new_session=True, **options)
    try:
        yield process
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
    finally:
        end_group(process)
        process.wait()


def listens(process, port):
    """Waits until a program listens on a port."""

    def look():
        if process.poll() is not None:
            raise AssertionError(f"{process.args} has ended with {process.returncode}")
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", port)) == 0

    eventually(f"somebody who listens on {port}", look)


def variables(remarks):
    """The environment that a gateway prints for whoever runs the function, once it is complete."""
    found = (re.fullmatch(r"([A-Z][A-Z0-9_]*)=(.*)", line) for line in list(remarks))
    found = dict(match.groups() for match in found if match)
    # They are printed in the order of their names.
    return found if LAST in found else None


@contextlib.contextmanager
def emulator(port, environment):
    """The Runtime Interface Emulator with the chat; it takes one event at a time."""
    if not os.access(EMULATOR, os.X_OK):
        # A package has no permissions.
        program = TOOLS / EMULATOR.name
        shutil.copyfile(EMULATOR, program)
        program.chmod(0o755)
    else:
        program = EMULATOR
    command = [program, "--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{free_port()}", CHAT]
    # Nothing of the developer's, as in a container.
    environment = {"PATH": os.environ["PATH"], "LAMBDA_TASK_ROOT": str(ROOT)} | environment
    environment.setdefault("AWS_LAMBDA_FUNCTION_NAME", "Chat")
    with running(command, env=environment) as process:
        listens(process, port)
        yield


def of_emulator(port):
    return f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"


@contextlib.contextmanager
def watch(port, environment):
    """`cargo lambda watch` of the chat."""
    file = TARGET / f"tools/watch-{port}.env"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    command = ["cargo", "lambda", "watch", "--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    command += ["--ignore-changes", "--env-file", str(file)]
    try:
        with running(command, cwd=ROOT, env=bare()) as process:
            listens(process, port)
            yield
    finally:
        file.unlink()


def of_watch(port):
    return f"http://127.0.0.1:{port}/2015-03-31/functions/chat/invocations"


@contextlib.contextmanager
def front(run, url):
    """A gateway in front of what `run` runs, which is told the environment that the gateway prints, and where that is."""
    port, remarks = free_port(), []
    with serve("--invoke-url", url(port), remarks=remarks) as gateway:
        environment = eventually("the function's environment", lambda: variables(remarks))
        with run(port, environment):
            yield gateway, port


def invoke(url, event):
    """The response to an event."""
    request = urllib.request.Request(url, event)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def expected(gateway, files):
    """The responses of `lambda-ws-local invoke` to event files, with the endpoints of a gateway."""
    endpoints = ["--dynamodb-endpoint", gateway.dynamodb, "--management-endpoint", gateway.management]
    command = ["cargo", "dev", "invoke", "--verbatim", *map(str, files), *endpoints, "--", str(CHAT)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=PATIENCE)
    return [json.loads(line) for line in done.stdout.splitlines()]


class Client:
    """A client of the chat that has been welcomed."""

    def __init__(self, gateway, user):
        self.socket = connect(f"{gateway.websocket}?user={user}", open_timeout=PATIENCE)
        welcome = self.hear()
        assert welcome["type"] == "welcome", welcome

    def hear(self):
        return json.loads(self.socket.recv(timeout=PATIENCE))

    def say(self, **message):
        self.socket.send(json.dumps(message))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def chat(test, gateway):
    """Two people chat, and nothing is left of them."""
    with Client(gateway, "ann") as ann:
        with Client(gateway, "bob") as bob:
            test.assertEqual(ann.hear(), {"type": "joined", "users": ["bob"], "room": "lobby"})
            ann.say(action="say", text="hi")
            said = {"type": "said", "user": "ann", "room": "lobby", "text": "hi"}
            test.assertEqual(ann.hear(), said)
            test.assertEqual(bob.hear(), said)
            bob.say(action="who")
            test.assertEqual(bob.hear()["users"], ["ann", "bob"])
        test.assertEqual(ann.hear(), {"type": "left", "users": ["bob"], "room": "lobby"})
    eventually("an empty table", lambda: not gateway.connections())
