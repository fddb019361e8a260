"""What the function calls is what its policies allow, no more and no less."""

import fnmatch
import pathlib
import unittest

import toolchain
from gateway import ROOT, eventually, serve
from samcli.yamlhelper import yaml_parse
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

SERVICES = {"dynamodb", "execute-api", "lambda"}


def allowed():
    """The actions and resources of the policies in the template: ARNs without account, region and API."""
    resources = yaml_parse((ROOT / "template.yaml").read_text())["Resources"]
    documents = list(resources["Chat"]["Properties"]["Policies"])
    documents += [
        resource["Properties"]["PolicyDocument"]
        for resource in resources.values()
        if resource["Type"] == "AWS::IAM::Policy"
    ]
    pairs = set()
    for statement in (statement for document in documents for statement in document["Statement"]):
        assert statement["Effect"] == "Allow" and statement.keys() == {"Effect", "Action", "Resource"}, statement
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                pairs.add((action, plain(resource)))
    return pairs


def listed(one):
    return one if isinstance(one, list) else [one]


def plain(resource):
    """A resource as the gateway names it."""
    match resource:
        case {"Fn::GetAtt": ["Connections", "Arn"]}:
            return "table/Connections"
        # Of the function, in whatever version: AWS asks for the ARN with the version if the call names one.
        case {"Fn::GetAtt": ["Chat", "Arn"]} | {"Fn::Sub": "${Chat.Arn}:*"}:
            return "function:Chat*"
        case {"Fn::Sub": text} if ":${ChatApi}/${StageName}/" in text:
            return text.rpartition("/${StageName}/")[2]
    raise AssertionError(f"{resource} is no resource that a call could be compared with")


class Permissions(unittest.TestCase):
    def setUp(self):
        self.called = set()

    def note(self, gateway):
        functions = gateway.admin("permissions")["functions"]
        for actions in functions.values():
            self.called |= {(action, resource) for action, resources in actions.items() for resource in resources}

    def chat(self):
        """Every path of the chat, and of the library behind it."""
        with serve() as gateway:
            toolchain.chat(self, gateway)
            with toolchain.Client(gateway, "ann") as ann:
                ann.say(action="join", room="tea")
                self.assertEqual(ann.hear()["type"], "entered")
                ann.say(action="direct", to="ann", text="hello, me")
                self.assertEqual(ann.hear()["type"], "direct")
                ann.say(action="direct", to="nobody", text="hello")
                self.assertEqual(ann.hear()["error"]["code"], "no_such_user")
            eventually("an empty table", lambda: not gateway.connections())
            self.note(gateway)

    def example(self, name, *queries):
        """A program of the library's examples, and clients of it that have connected."""
        program = toolchain.TARGET / "debug/examples" / name
        gateway = self.enterContext(serve("--", str(program)))
        clients = []
        for query in queries:
            client = connect(f"{gateway.websocket}?{query}", open_timeout=toolchain.PATIENCE)
            clients.append(self.enterContext(client))
        return gateway, clients

    def test_the_policies_allow_what_is_called_and_nothing_else(self):
        toolchain.build("-p=lambda_ws", "--example=logout", "--example=poll", "--example=presence")
        self.chat()

        # Values of the application's own.
        gateway, (ann,) = self.example("poll", "user=ann")
        for _ in range(2):
            ann.send('{"action":"vote","option":"tea"}')
            ann.recv(timeout=toolchain.PATIENCE)
        ann.send('{"action":"count"}')
        self.assertEqual(ann.recv(timeout=toolchain.PATIENCE), '{"tea":1}')
        self.note(gateway)

        # Who is there.
        gateway, (ann, bob) = self.example("presence", "user=ann", "user=bob")
        bob.close()
        while "left" not in ann.recv(timeout=toolchain.PATIENCE):
            pass
        self.note(gateway)

        # Throwing somebody out.
        gateway, (phone, laptop) = self.example("logout", "user=ann", "user=ann")
        phone.send('{"action":"logout"}')
        with self.assertRaises(ConnectionClosed):
            laptop.recv(timeout=toolchain.PATIENCE)
        eventually("an empty table", lambda: not gateway.connections())
        self.note(gateway)

        allowed_pairs = allowed()
        self.assertEqual({action.partition(":")[0] for action, _ in allowed_pairs}, SERVICES)

        def is_allowed(call):
            return any(call[0] == action and fnmatch.fnmatchcase(call[1], resource) for action, resource in allowed_pairs)

        def is_called(pair):
            return any(action == pair[0] and fnmatch.fnmatchcase(resource, pair[1]) for action, resource in self.called)

        self.assertEqual([call for call in sorted(self.called) if not is_allowed(call)], [], "called and not allowed")
        self.assertEqual([pair for pair in sorted(allowed_pairs) if not is_called(pair)], [], "allowed and not called")


if __name__ == "__main__":
    unittest.main()
