"""Two users chat through `websockets` clients. boto3 reads the table."""

import unittest

from harness.client import Client, chat, has_connections
from harness.gateway import serve_for
from harness.programs import TIMEOUT
from websockets.exceptions import ConnectionClosed, InvalidStatus


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        serve_for(cls)

    def tearDown(self):
        has_connections(self.gateway, 0)

    def test_two_users_chat_and_leave_no_items(self):
        chat(self, self.gateway)

    def test_a_sub_protocol_is_agreed_on(self):
        with Client(self.gateway, "user=cat&room=other", subprotocols=["chat.v1"]) as cat:
            self.assertEqual(cat.socket.subprotocol, "chat.v1")

    def test_a_client_without_a_name_is_rejected(self):
        with self.assertRaises(InvalidStatus) as rejected:
            Client(self.gateway, "user=")
        self.assertEqual(rejected.exception.response.status_code, 401)

    def test_a_ping_is_answered(self):
        with Client(self.gateway, "user=dan&room=pings") as dan:
            self.assertTrue(dan.socket.ping().wait(TIMEOUT))

    def test_a_frame_that_is_too_large_closes_the_connection(self):
        # F2: 32 KB a frame. A larger frame closes with 1009, as on AWS.
        with Client(self.gateway, "user=eve&room=large") as eve:
            eve.socket.send("x" * (32 * 1024 + 1))
            with self.assertRaises(ConnectionClosed) as closed:
                eve.receive_text()
        self.assertEqual(closed.exception.rcvd.code, 1009)

    def test_a_long_message_may_come_in_frames(self):
        with Client(self.gateway, "user=fay&room=frames") as fay:
            fay.socket.send(["x" * 16_384] * 4)
            self.assertEqual(fay.receive()["error"]["code"], "bad_message")
