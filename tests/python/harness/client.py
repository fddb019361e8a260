"""A client of the chat."""

import json

from websockets.sync.client import connect

from .programs import TIMEOUT, eventually


class Client:
    """A client of the chat that has received its welcome message."""

    def __init__(self, gateway, query, **options):
        url = f"{gateway.websocket}?{query}"
        self.socket = connect(url, open_timeout=TIMEOUT, **options)
        welcome = self.receive()
        assert welcome["type"] == "welcome", welcome

    def receive_text(self):
        return self.socket.recv(timeout=TIMEOUT)

    def receive(self):
        return json.loads(self.receive_text())

    def send(self, **message):
        self.socket.send(json.dumps(message))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def has_connections(gateway, count):
    """Waits until the table has so many connections."""
    eventually(f"{count} connections in the table", lambda: len(gateway.connections()) == count)


def chat(test, gateway):
    """Has two users chat and leave, and waits until the table is empty."""
    with Client(gateway, "user=ann") as ann:
        with Client(gateway, "user=bob") as bob:
            test.assertEqual(ann.receive(), {"type": "joined", "users": ["bob"], "room": "lobby"})
            has_connections(gateway, 2)
            ann.send(action="say", text="hi")
            said = {"type": "said", "user": "ann", "room": "lobby", "text": "hi"}
            test.assertEqual(ann.receive(), said)
            test.assertEqual(bob.receive(), said)
            bob.send(action="who")
            test.assertEqual(bob.receive()["users"], ["ann", "bob"])
        test.assertEqual(ann.receive(), {"type": "left", "users": ["bob"], "room": "lobby"})
    has_connections(gateway, 0)
