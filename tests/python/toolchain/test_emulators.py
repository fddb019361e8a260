"""Events and a chat through what runs the function in place of Lambda: `cargo lambda watch`, and the Runtime Interface
Emulator, which is what `sam local invoke` runs in its container."""

import json
import subprocess
import tempfile
import unittest

import toolchain
from gateway import PATIENCE, ROOT, serve


class Emulators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        toolchain.build("--bin=chat")
        with serve("--", str(toolchain.CHAT)) as gateway:
            cls.expected = toolchain.expected(gateway, toolchain.EVENTS)

    def answers(self, invoke):
        self.assertEqual(len(self.expected), len(toolchain.EVENTS))
        for file, expected in zip(toolchain.EVENTS, self.expected, strict=True):
            with self.subTest(event=file.name):
                self.assertEqual(invoke(file), expected)

    def test_the_emulator_answers_every_event_as_the_gateway_is_answered(self):
        # A task would come beside the next event, and only the gateway has events wait for one another.
        def alone(port, environment):
            return toolchain.emulator(port, environment | {"SEND_TASKS": "0"})

        with toolchain.front(alone, toolchain.of_emulator) as (_, port):
            url = toolchain.of_emulator(port)
            self.answers(lambda file: toolchain.invoke(url, file.read_bytes()))

    def test_cargo_lambda_invoke_has_every_event_answered_as_the_gateway_is(self):
        with toolchain.front(toolchain.watch, toolchain.of_watch) as (_, port):
            self.answers(lambda file: cargo_lambda_invoke(port, file))

    def test_two_people_chat_in_front_of_cargo_lambda_watch(self):
        with toolchain.front(toolchain.watch, toolchain.of_watch) as (gateway, _):
            toolchain.chat(self, gateway)

    def test_two_people_chat_in_front_of_the_emulator(self):
        with toolchain.front(toolchain.emulator, toolchain.of_emulator) as (gateway, _):
            toolchain.chat(self, gateway)


def cargo_lambda_invoke(port, file):
    command = ["cargo", "lambda", "invoke", "--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    command += ["chat", "--data-file", str(file)]
    done = subprocess.run(
        command, cwd=ROOT, env=toolchain.bare(), check=True, stdout=subprocess.PIPE, timeout=PATIENCE
    )
    return json.loads(done.stdout)


class SamLocal(unittest.TestCase):
    """What `sam local invoke --env-vars events/local/env.json` gives to the function, by SAM's own code."""

    # Where a gateway is that is started as README.md says, and the environment file names.
    PORTS = {"management": 3001, "dynamodb": 8000, "lambda": 3002}

    @classmethod
    def setUpClass(cls):
        toolchain.build("--bin=chat")
        cls.file = json.loads((ROOT / "events/local/env.json").read_text())

    def environment(self, values):
        from samcli.commands.local.lib.local_lambda import LocalLambdaRunner
        from samcli.lib.providers.sam_function_provider import SamFunctionProvider
        from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

        stacks, _ = SamLocalStackProvider.get_stacks(str(ROOT / "template.yaml"))
        provider = SamFunctionProvider(stacks)
        runner = LocalLambdaRunner(None, provider, str(ROOT), str(ROOT), env_vars_values=values)
        return runner._make_env_vars(provider.get("Chat")).resolve()

    def test_the_file_leads_to_a_gateway_and_is_all_that_the_function_needs(self):
        port = toolchain.free_port()
        with serve("--lambda-port", str(port), "--no-auth", "--", str(toolchain.CHAT)) as gateway:
            text = json.dumps(self.file)
            there = {
                "management": gateway.management.removesuffix("/dev"),
                "dynamodb": gateway.dynamodb,
                "lambda": f"http://127.0.0.1:{port}",
            }
            for name, url in there.items():
                documented = f"http://127.0.0.1:{self.PORTS[name]}"
                self.assertIn(documented, text)
                text = text.replace(documented, url)
            environment = self.environment(json.loads(text))
            for name, value in json.loads(text)["Chat"].items():
                self.assertEqual(environment.get(name), value, "SAM passes what the template names")
            with toolchain.Client(gateway, "ann") as ann:
                (connection,) = gateway.connections()
                event = json.loads((ROOT / "events/say.json").read_text())
                event["requestContext"]["connectionId"] = connection
                event["requestContext"]["connectedAt"] = gateway.connected_at(connection)
                emulated = toolchain.free_port()
                with toolchain.emulator(emulated, environment):
                    url = toolchain.of_emulator(emulated)
                    response = toolchain.invoke(url, json.dumps(event).encode())
                self.assertEqual(response["statusCode"], 200)
                self.assertEqual(ann.hear()["text"], "hello, all")

    def test_without_the_file_nothing_leads_anywhere(self):
        environment = self.environment({})
        self.assertNotIn("amazonaws", environment.get("AWS_ENDPOINT_URL_DYNAMODB", ""))
        port = toolchain.free_port()
        with toolchain.emulator(port, environment):
            event = (ROOT / "events/connect.json").read_bytes()
            response = toolchain.invoke(toolchain.of_emulator(port), event)
        self.assertEqual(response["statusCode"], 200)


class Deploy(unittest.TestCase):
    def test_the_documented_command_deploys_the_program(self):
        toolchain.build("--bin=chat")
        readme = (ROOT / "README.md").read_text()
        (command,) = (
            part.strip()
            for line in readme.splitlines()
            for part in line.split("&&")
            if part.strip().startswith("cargo lambda deploy")
        )
        with tempfile.TemporaryDirectory() as folder:
            program = toolchain.pathlib.Path(folder, "chat/bootstrap")
            program.parent.mkdir()
            toolchain.shutil.copy(toolchain.CHAT, program)
            dry = [*command.split(), "--dry", "--lambda-dir", folder]
            account = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
            done = subprocess.run(
                dry,
                cwd=ROOT,
                env=toolchain.bare(**account),
                check=True,
                stdout=subprocess.PIPE,
                text=True,
                timeout=PATIENCE,
            )
            self.assertIn(str(program.parent), done.stdout)
        self.assertIn("architecture x86_64", done.stdout)


if __name__ == "__main__":
    unittest.main()
