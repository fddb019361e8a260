"""boto3 calls the management API."""

import datetime
import unittest

from harness.client import Client, has_connections
from harness.gateway import serve_for
from harness.programs import eventually
from websockets.exceptions import ConnectionClosed

# A valid id that no connection has.
UNKNOWN_ID = "AaVuMkdHd_QnW8c="


class Management(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        serve_for(cls)
        cls.api = cls.gateway.client("apigatewaymanagementapi")

    def setUp(self):
        self.ann = self.enterContext(Client(self.gateway, "user=ann", user_agent_header="ann/1"))
        (self.id,) = eventually("a connection", self.gateway.connections)

    def tearDown(self):
        self.ann.socket.close()
        has_connections(self.gateway, 0)

    def test_a_post_reaches_the_client(self):
        self.api.post_to_connection(ConnectionId=self.id, Data="grüß dich".encode())
        self.assertEqual(self.ann.receive_text(), "grüß dich")
        # F3: the limit is 128 KB. The client receives frames of 32 KB.
        largest = "x" * (128 * 1024)
        self.api.post_to_connection(ConnectionId=self.id, Data=largest.encode())
        self.assertEqual(self.ann.receive_text(), largest)

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
            self.ann.receive_text()
        # G9.
        self.assertEqual(closed.exception.rcvd.code, 1000)
        self.assertEqual(closed.exception.rcvd.reason, "Connection Closed Normally")
        # `$disconnect` has removed it.
        has_connections(self.gateway, 0)
        self.is_gone(self.id)

    def test_a_client_that_has_left_is_gone(self):
        self.ann.socket.close()
        has_connections(self.gateway, 0)
        self.is_gone(self.id)
        self.is_gone(UNKNOWN_ID)

    def is_gone(self, id):
        calls = [
            lambda: self.api.post_to_connection(ConnectionId=id, Data=b"x"),
            lambda: self.api.get_connection(ConnectionId=id),
            lambda: self.api.delete_connection(ConnectionId=id),
        ]
        for call in calls:
            with self.assertRaises(self.api.exceptions.GoneException):
                call()

    def test_data_of_more_than_128_kb_is_rejected(self):
        data = b"x" * (128 * 1024 + 1)
        with self.assertRaises(self.api.exceptions.PayloadTooLargeException):
            self.api.post_to_connection(ConnectionId=self.id, Data=data)

    def test_a_request_with_a_wrong_signature_is_rejected(self):
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
                self.is_rejected(options, code, message)
        self.api.post_to_connection(ConnectionId=self.id, Data=b"only this")
        self.assertEqual(self.ann.receive_text(), "only this")

    def is_rejected(self, options, code, message):
        from botocore.exceptions import ClientError

        api = self.gateway.client("apigatewaymanagementapi", **options)
        calls = [
            lambda: api.post_to_connection(ConnectionId=self.id, Data=b"x"),
            lambda: api.get_connection(ConnectionId=self.id),
            lambda: api.delete_connection(ConnectionId=self.id),
        ]
        for call in calls:
            with self.assertRaises(ClientError) as rejected:
                call()
            error = rejected.exception.response
            self.assertEqual(error["Error"]["Code"], code)
            self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 403)
            self.assertTrue(error["Error"]["Message"].startswith(message), error)

    def test_an_invalid_id_is_rejected(self):
        from botocore.exceptions import ClientError

        with self.assertRaises(ClientError) as rejected:
            self.api.post_to_connection(ConnectionId="non-existing-id", Data=b"x")
        error = rejected.exception.response
        self.assertEqual(error["Error"]["Code"], "BadRequestException")
        self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertIn("Invalid connectionId", error["Error"]["Message"])
