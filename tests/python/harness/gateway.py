"""A local gateway, started by `cargo dev`, for the suites of this folder."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]

# How long compiling, and anything else, may take: in seconds.
COMPILING = 1200
PATIENCE = 120


class Gateway:
    """Where a gateway is reached: `websocket`, `management`, `dynamodb`, `region`, pages, credentials."""

    def __init__(self, lines):
        values = dict(line.split(None, 1) for line in lines)
        self.websocket = values["websocket"]
        self.management = values["management"].removesuffix("/@connections/{id}")
        self.dynamodb = values["dynamodb"]
        self.region = values["region"]
        self.console = values["console"]
        # The application may have none.
        self.page = values.get("page")
        self.key, self.secret = values["credentials"].split("/", 1)

    def client(self, service, **options):
        """A boto3 client of a service of this gateway."""
        import boto3

        options.setdefault("aws_access_key_id", self.key)
        options.setdefault("aws_secret_access_key", self.secret)
        options.setdefault("region_name", self.region)
        urls = {"dynamodb": self.dynamodb, "apigatewaymanagementapi": self.management}
        return boto3.client(
            service,
            endpoint_url=urls[service],
            **options,
        )

    def admin(self, page, change=None):
        """A page of the admin API; with a change, what it is after that."""
        url = self.console.replace("/_console/", f"/_admin/{page}")
        body = None if change is None else json.dumps(change).encode()
        request = urllib.request.Request(url, body, method="GET" if body is None else "PATCH")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def connections(self):
        """The connections that the table has: their ids."""
        return [sk for pk, sk in self.keys() if pk.startswith("C#")]

    def connected_at(self, id):
        """When a connection was opened, in milliseconds."""
        (at,) = (int(item["at"]["N"]) for item in self.items() if item["sk"]["S"] == id)
        return at

    def keys(self):
        return [(item["pk"]["S"], item["sk"]["S"]) for item in self.items()]

    def items(self):
        dynamodb = self.client("dynamodb")
        (table,) = dynamodb.list_tables()["TableNames"]
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


@contextlib.contextmanager
def serve(*options, remarks=None):
    """Serves the chat with `cargo dev --port 0`, and ends it by Ctrl-C.

    `remarks`, a list, is given the lines of its standard error, all that it says before it serves among them.
    """
    # A session of its own, so that nothing of it outlives a suite that fails.
    process = subprocess.Popen(
        ["cargo", "dev", "--port", "0", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=None if remarks is None else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    killer = threading.Timer(COMPILING, end_group, [process])
    killer.start()
    if remarks is not None:
        listener = threading.Thread(target=listen, args=[process.stderr, remarks])
        listener.start()
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("credentials"):
                break
        else:
            raise AssertionError(f"the gateway does not serve: {lines}")
        yield Gateway(lines)
        # To all of the group, as a terminal does.
        os.killpg(process.pid, signal.SIGINT)
        code = process.wait(PATIENCE)
        assert code == 0, f"the gateway ends with {code}"
    finally:
        killer.cancel()
        end_group(process)
        process.wait()
        process.stdout.close()
        if remarks is not None:
            listener.join()


def listen(stream, remarks):
    """Passes on what a program says on its standard error, and keeps it."""
    with stream:
        for line in stream:
            sys.stderr.write(line)
            remarks.append(line.rstrip("\n"))


def serve_for(suite, *options):
    """Serves the chat for all tests of a suite, as its `gateway`."""
    serving = serve(*options)
    suite.gateway = serving.__enter__()
    suite.addClassCleanup(serving.__exit__, None, None, None)


def end_group(process):
    """Kills what is left of a process's group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def eventually(what, look):
    """Looks again and again until `look` returns something true."""
    end = time.monotonic() + PATIENCE
    pause = 0.005
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {PATIENCE} s")
        time.sleep(pause)
        pause = min(pause * 2, 0.2)
