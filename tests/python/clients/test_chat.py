"""Two people chat: `websockets` clients, and boto3 to look into the table."""

import contextlib
import json
import unittest

import gateway
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect


def hear(client):
    return json.loads(client.recv(timeout=gateway.PATIENCE))


def say(client, **message):
    client.send(json.dumps(message))


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        gateway.serve_for(cls)

    def client(self, query, **options):
        url = f"{self.gateway.websocket}?{query}"
        return connect(url, open_timeout=gateway.PATIENCE, **options)

    @contextlib.contextmanager
    def enter(self, query, **options):
        """A client that has been welcomed."""
        with self.client(query, **options) as client:
            self.assertEqual(hear(client)["type"], "welcome")
            yield client

    def has_connections(self, count):
        gateway.eventually(
            f"{count} connections in the table",
            lambda: len(self.gateway.connections()) == count,
        )

    def test_two_people_chat_and_nothing_is_left_of_them(self):
        with self.enter("user=ann") as ann:
            with self.enter("user=bob") as bob:
                joined = {"type": "joined", "users": ["bob"], "room": "lobby"}
                self.assertEqual(hear(ann), joined)
                self.has_connections(2)
                say(ann, action="say", text="hi")
                said = {"type": "said", "user": "ann", "room": "lobby", "text": "hi"}
                self.assertEqual(hear(ann), said)
                self.assertEqual(hear(bob), said)
            self.assertEqual(hear(ann), {"type": "left", "users": ["bob"], "room": "lobby"})
        self.has_connections(0)

    def test_a_sub_protocol_is_agreed_on(self):
        with self.client("user=cat&room=other", subprotocols=["chat.v1"]) as cat:
            self.assertEqual(cat.subprotocol, "chat.v1")
        self.has_connections(0)

    def test_a_stranger_is_refused(self):
        with self.assertRaises(InvalidStatus) as refused, self.client("user="):
            self.fail("it is let in")
        self.assertEqual(refused.exception.response.status_code, 401)

    def test_a_ping_is_answered(self):
        with self.client("user=dan&room=pings") as dan:
            self.assertTrue(dan.ping().wait(gateway.PATIENCE))
        self.has_connections(0)

    def test_a_frame_that_is_too_large_closes(self):
        # F2: 32 KB a frame. It is 1009 here as on AWS, though a browser could not do otherwise.
        with self.enter("user=eve&room=large") as eve:
            eve.send("x" * (32 * 1024 + 1))
            with self.assertRaises(ConnectionClosed) as closed:
                eve.recv(timeout=gateway.PATIENCE)
        self.assertEqual(closed.exception.rcvd.code, 1009)
        self.has_connections(0)

    def test_a_long_message_may_come_in_frames(self):
        with self.enter("user=fay&room=frames") as fay:
            fay.send(["x" * 16_384] * 4)
            self.assertEqual(hear(fay)["error"]["code"], "bad_message")
        self.has_connections(0)


if __name__ == "__main__":
    unittest.main()
