"""boto3 sends admin events through Lambda's API, and an operator confirms on a terminal."""

import json
import os
import pty
import subprocess
import unittest

from harness.gateway import serve_for
from harness.programs import ROOT, TARGET, TIMEOUT, build_examples, eventually, free_port
from websockets.sync.client import connect

GATEWAY = TARGET / "debug/lambda-ws-local"
EXAMPLE = TARGET / "debug/examples/admin"


class Admin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        build_examples("admin")
        port = free_port()
        serve_for(cls, "--env", "ADMIN=on", "--lambda-port", str(port), "--", str(EXAMPLE))
        cls.api = cls.gateway.client("lambda", endpoint_url=f"http://127.0.0.1:{port}")

    def client(self, query):
        return connect(f"{self.gateway.websocket}?{query}", open_timeout=TIMEOUT)

    def ask(self, command):
        """Returns the answer to a command, and the type of the function's error."""
        response = self.api.invoke(FunctionName="Chat", Payload=json.dumps({"admin": command}))
        payload = json.load(response["Payload"])
        return (payload, payload["errorType"]) if "FunctionError" in response else (payload, None)

    def test_boto3_lists_and_disconnects_connections(self):
        with self.client("user=ann&room=boto") as ann:
            self.assertEqual(self.ask({"count": {"room": "boto"}}), ({"count": 1}, None))
            listed, _ = self.ask({"list": {"room": "boto", "details": True}})
            (row,) = listed["connections"]
            self.assertEqual((row["user"], row["rooms"]), ("ann", ["boto"]))
            shown, _ = self.ask({"show": {"connection": row["connection"], "session": True}})
            self.assertEqual(shown["connection"]["session"], {"role": "guest"})
            sent, _ = self.ask({"broadcast": {"user": "ann", "data": "grüß dich"}})
            self.assertEqual(sent["sent"], 1)
            self.assertEqual(ann.recv(timeout=TIMEOUT), "grüß dich")
            closed, _ = self.ask({"disconnect": {"room": "boto"}})
            self.assertEqual(closed, {"closed": 1, "gone": 0, "throttled": 0, "failed": 0})

    def test_a_rejected_command_is_an_error_of_the_function(self):
        payload, kind = self.ask({"explode": {}})
        self.assertEqual(kind, "AdminError")
        self.assertIn("unknown variant `explode`", payload["errorMessage"])

    def test_the_disconnection_of_a_room_is_confirmed_on_a_terminal(self):
        def count():
            return self.ask({"count": {"room": "pty"}})[0]["count"]

        with self.client("user=ann&room=pty"):
            for answer, code, left in [("n\n", 1, 1), ("\n", 1, 1), ("y\n", 0, 0)]:
                with self.subTest(answer=answer):
                    self.assertEqual(self.disconnect(answer), code)
                    eventually(f"{left} connections", lambda left=left: count() == left)

    def disconnect(self, answer):
        """Disconnects the room at a terminal, on which the answer is typed. Returns the exit code."""
        url = self.gateway.console.split("/_console", 1)[0]
        command = [str(GATEWAY), "admin", "disconnect", "--room", "pty", "--url", url]
        controller, terminal = pty.openpty()
        try:
            os.write(controller, answer.encode())
            done = subprocess.run(
                command, cwd=ROOT, stdin=terminal, capture_output=True, text=True, timeout=TIMEOUT
            )
        finally:
            os.close(controller)
            os.close(terminal)
        self.assertIn('Disconnect all connections in the room "pty"? [y/N]', done.stderr)
        return done.returncode
