"""The management API, as boto3 speaks it."""

import contextlib
import datetime
import unittest

import gateway
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

# Well formed, and nobody's.
NOBODY = "AaVuMkdHd_QnW8c="


class Management(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        gateway.serve_for(cls)
        cls.api = cls.gateway.client("apigatewaymanagementapi")

    def setUp(self):
        url = f"{self.gateway.websocket}?user=ann"
        client = connect(url, open_timeout=gateway.PATIENCE, user_agent_header="ann/1")
        stack = contextlib.ExitStack()
        self.addCleanup(stack.close)
        self.ann = stack.enter_context(client)
        self.assertIn("welcome", self.ann.recv(timeout=gateway.PATIENCE))
        (self.id,) = gateway.eventually("a connection", self.gateway.connections)

    def tearDown(self):
        self.ann.close()
        gateway.eventually("its end", lambda: not self.gateway.connections())

    def test_a_post_reaches_the_client(self):
        self.api.post_to_connection(ConnectionId=self.id, Data="grüß dich".encode())
        self.assertEqual(self.ann.recv(timeout=gateway.PATIENCE), "grüß dich")
        # F3: 128 KB, which reach the client in frames of 32 KB.
        largest = "x" * (128 * 1024)
        self.api.post_to_connection(ConnectionId=self.id, Data=largest.encode())
        self.assertEqual(self.ann.recv(timeout=gateway.PATIENCE), largest)

    def test_a_connection_is_described(self):
        before = self.api.get_connection(ConnectionId=self.id)
        self.assertIsInstance(before["ConnectedAt"], datetime.datetime)
        self.assertGreaterEqual(before["LastActiveAt"], before["ConnectedAt"])
        self.assertEqual(before["Identity"], {"SourceIp": "127.0.0.1", "UserAgent": "ann/1"})
        self.api.post_to_connection(ConnectionId=self.id, Data=b"x")
        after = self.api.get_connection(ConnectionId=self.id)
        self.assertGreaterEqual(after["LastActiveAt"], before["LastActiveAt"])
        self.assertEqual(after["ConnectedAt"], before["ConnectedAt"])

    def test_a_deleted_connection_is_closed_and_disconnected(self):
        self.api.delete_connection(ConnectionId=self.id)
        with self.assertRaises(ConnectionClosed) as closed:
            self.ann.recv(timeout=gateway.PATIENCE)
        # G9.
        self.assertEqual(closed.exception.rcvd.code, 1000)
        self.assertEqual(closed.exception.rcvd.reason, "Connection Closed Normally")
        # `$disconnect` has removed it.
        gateway.eventually("its end", lambda: not self.gateway.connections())
        self.is_gone(self.id)

    def test_who_has_left_is_gone(self):
        self.ann.close()
        gateway.eventually("its end", lambda: not self.gateway.connections())
        self.is_gone(self.id)
        self.is_gone(NOBODY)

    def is_gone(self, id):
        calls = [
            lambda: self.api.post_to_connection(ConnectionId=id, Data=b"x"),
            lambda: self.api.get_connection(ConnectionId=id),
            lambda: self.api.delete_connection(ConnectionId=id),
        ]
        for call in calls:
            with self.assertRaises(self.api.exceptions.GoneException):
                call()

    def test_data_of_more_than_128_kb_is_refused(self):
        data = b"x" * (128 * 1024 + 1)
        with self.assertRaises(self.api.exceptions.PayloadTooLargeException):
            self.api.post_to_connection(ConnectionId=self.id, Data=data)

    def test_what_is_not_signed_as_it_should_be_is_refused(self):
        # G3.
        from botocore import UNSIGNED
        from botocore.config import Config

        calculated = "The request signature we calculated does not match the signature you provided."
        for options, code, message in [
            ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException", calculated),
            (
                {"aws_access_key_id": "wrong"},
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            (
                {"aws_session_token": "wrong"},
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            (
                {"region_name": "eu-north-1"},
                "InvalidSignatureException",
                "Credential should be scoped to a valid region.",
            ),
            (
                {"config": Config(signature_version=UNSIGNED)},
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
        ]:
            with self.subTest(options=options):
                self.is_refused(options, code, message)
        self.api.post_to_connection(ConnectionId=self.id, Data=b"only this")
        self.assertEqual(self.ann.recv(timeout=gateway.PATIENCE), "only this")

    def is_refused(self, options, code, message):
        from botocore.exceptions import ClientError

        api = self.gateway.client("apigatewaymanagementapi", **options)
        calls = [
            lambda: api.post_to_connection(ConnectionId=self.id, Data=b"x"),
            lambda: api.get_connection(ConnectionId=self.id),
            lambda: api.delete_connection(ConnectionId=self.id),
        ]
        for call in calls:
            with self.assertRaises(ClientError) as refused:
                call()
            error = refused.exception.response
            self.assertEqual(error["Error"]["Code"], code)
            self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 403)
            self.assertTrue(error["Error"]["Message"].startswith(message), error)

    def test_what_is_no_id_is_refused(self):
        from botocore.exceptions import ClientError

        with self.assertRaises(ClientError) as refused:
            self.api.post_to_connection(ConnectionId="non-existing-id", Data=b"x")
        error = refused.exception.response
        self.assertEqual(error["Error"]["Code"], "BadRequestException")
        self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertIn("Invalid connectionId", error["Error"]["Message"])


if __name__ == "__main__":
    unittest.main()
