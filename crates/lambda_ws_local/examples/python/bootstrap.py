#!/usr/bin/env python3
"""A small replacement for the managed runtime of Python. It passes events of the Runtime API to a handler."""

import importlib
import json
import os
import traceback
import types
import urllib.request


def run(handler):
    """Passes each event to `handler(event, context)`."""
    api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime"

    def post(path, value):
        data = json.dumps(value, ensure_ascii=False).encode()
        urllib.request.urlopen(urllib.request.Request(f"{api}/{path}", data=data)).close()

    while True:
        # This request waits until there is an event.
        with urllib.request.urlopen(f"{api}/invocation/next") as response:
            event, headers = json.load(response), response.headers
        context = types.SimpleNamespace(
            aws_request_id=headers["Lambda-Runtime-Aws-Request-Id"],
            invoked_function_arn=headers["Lambda-Runtime-Invoked-Function-Arn"],
            function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME"),
        )
        try:
            path, answer = "response", handler(event, context)
        except Exception as error:
            traceback.print_exc()
            path = "error"
            trace = traceback.format_tb(error.__traceback__)
            answer = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}
        post(f"invocation/{context.aws_request_id}/{path}", answer)


if __name__ == "__main__":
    module, _, function = os.environ.get("_HANDLER", "").rpartition(".")
    run(getattr(importlib.import_module(module or "app"), function if module else "handler"))
