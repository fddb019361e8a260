"""The dashboard of template.yaml shows metrics that exist."""

import json
import re
import unittest

from harness.programs import ROOT
from samcli.yamlhelper import yaml_parse


def resolve(text):
    """Replaces the references of a Fn::Sub, as CloudFormation does."""
    return re.sub(r"\$\{(?P<name>[A-Za-z:.]+)\}", lambda found: found["name"], text)


def metrics(widget):
    """Returns the namespace, the name and the first dimension of each metric of a widget."""
    lines = widget["properties"]["metrics"]
    return [tuple(line[:3]) for line in lines if isinstance(line[0], str)]


class Dashboard(unittest.TestCase):
    def setUp(self):
        template = yaml_parse((ROOT / "template.yaml").read_text())
        [body, variables] = template["Resources"]["Overview"]["Properties"]["DashboardBody"]["Fn::Sub"]
        # The library's namespace is a variable of its own, because an empty namespace is not valid.
        self.assertEqual(list(variables), ["Namespace"])
        self.widgets = json.loads(resolve(body))["widgets"]

    def test_its_metrics_are_those_of_the_operations_page(self):
        page = (ROOT / "crates/lambda_ws/OPERATIONS.md").read_text()
        own = re.findall(r"^\| `([A-Za-z]+)` \| (?:count|ms) \|", page, re.MULTILINE)
        shown = [metric for widget in self.widgets for metric in metrics(widget)]
        self.assertGreater(len(shown), 20)
        for namespace, name, dimension in shown:
            with self.subTest(metric=name):
                if namespace == "Namespace":
                    self.assertIn(name, own)
                    self.assertEqual(dimension, "Function")
                else:
                    self.assertTrue(namespace.startswith("AWS/"), namespace)
        alarms = re.findall(r"^\| `(AWS/[A-Za-z]+) ([A-Za-z]+)` \|", page, re.MULTILINE)
        expressions = json.dumps(self.widgets)
        for _, name in alarms:
            self.assertIn(name, expressions)

    def test_its_widgets_have_a_title_and_a_place(self):
        for widget in self.widgets:
            self.assertTrue(widget["properties"]["title"])
            self.assertEqual((widget["type"], widget["width"]), ("metric", 8))


if __name__ == "__main__":
    unittest.main()
