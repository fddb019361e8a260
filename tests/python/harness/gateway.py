"""A local gateway, started by `cargo dev`."""

import contextlib
import subprocess
import sys
import threading
from signal import SIGKILL

from .programs import COMPILE_TIMEOUT, ROOT, TIMEOUT, fetch_json, running, signal_group


class Gateway:
    """The addresses of a gateway: `websocket`, `management`, `dynamodb`, `region`, pages, credentials."""

    def __init__(self, lines):
        values = dict(line.split(None, 1) for line in lines)
        self.websocket = values["websocket"]
        self.management = values["management"].removesuffix("/@connections/{id}")
        self.dynamodb = values["dynamodb"]
        self.region = values["region"]
        self.console = values["console"]
        # An application without a page has none.
        self.page = values.get("page")
        self.key, self.secret = values["credentials"].split("/", 1)

    def client(self, service, **options):
        """Returns a boto3 client of a service of this gateway."""
        import boto3

        options.setdefault("aws_access_key_id", self.key)
        options.setdefault("aws_secret_access_key", self.secret)
        options.setdefault("region_name", self.region)
        urls = {"dynamodb": self.dynamodb, "apigatewaymanagementapi": self.management}
        # The gateway does not print the address of Lambda's API.
        options.setdefault("endpoint_url", urls.get(service))
        return boto3.client(service, **options)

    def admin(self, page):
        """Returns a page of the admin API."""
        return fetch_json(self.console.replace("/_console/", f"/_admin/{page}"))

    def connections(self):
        """Returns the ids of the connections in the table."""
        return [sk for pk, sk in self.keys() if pk.startswith("C#")]

    def connected_at(self, id):
        """Returns when a connection was opened, in milliseconds."""
        (at,) = (int(item["at"]["N"]) for item in self.items() if item["sk"]["S"] == id)
        return at

    def keys(self):
        """Returns the keys of the table's items."""
        return [(item["pk"]["S"], item["sk"]["S"]) for item in self.items()]

    def items(self):
        """Returns the table's items."""
        dynamodb = self.client("dynamodb")
        (table,) = dynamodb.list_tables()["TableNames"]
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]


@contextlib.contextmanager
def serve(*options, stderr_lines=None, gateway=("cargo", "dev"), folder=ROOT, port=0):
    """Serves the chat with `cargo dev`, or another project in its folder, on a free port by default, and stops it by
    Ctrl-C.

    The list `stderr_lines` receives the lines of the standard error, also those before the gateway serves.
    """
    command = [*gateway, "--port", str(port), *options]
    stderr = None if stderr_lines is None else subprocess.PIPE
    with contextlib.ExitStack() as stack:
        program = running(command, TIMEOUT, cwd=folder, stdout=subprocess.PIPE, stderr=stderr, text=True)
        process = stack.enter_context(program)
        timer = threading.Timer(COMPILE_TIMEOUT, signal_group, [process, SIGKILL])
        timer.start()
        stack.callback(timer.cancel)
        if stderr_lines is not None:
            threading.Thread(target=collect, args=[process.stderr, stderr_lines]).start()
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("credentials"):
                break
        else:
            raise AssertionError(f"the gateway does not serve: {lines}")
        yield Gateway(lines)
    assert process.returncode == 0, f"the gateway ends with {process.returncode}"


def collect(stream, lines):
    """Copies the standard error of a program to that of the suite, and to a list."""
    with stream:
        for line in stream:
            sys.stderr.write(line)
            lines.append(line.rstrip("\n"))


def serve_for(suite, *options):
    """Serves the chat for all tests of a suite, as its `gateway`."""
    serving = serve(*options)
    suite.gateway = serving.__enter__()
    suite.addClassCleanup(serving.__exit__, None, None, None)
