"""The chat's page, in a browser."""

import json
import unittest
import urllib.request

from browser import Browser
from gateway import eventually, serve_for


class ChatPage(unittest.TestCase):
    """Two people in two tabs: each has a name of its own."""

    @classmethod
    def setUpClass(cls):
        serve_for(cls)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def enter(self, name, room="lobby"):
        """Comes in, in a new tab."""
        self.browser.driver.switch_to.new_window("tab")
        self.browser.driver.get(self.gateway.page)
        self.browser.fill("#name", name)
        self.browser.fill("#room", room)
        self.browser.click("#enter button")
        self.browser.see("#state", "online")
        return self.browser.driver.current_window_handle

    def to(self, tab):
        self.browser.driver.switch_to.window(tab)

    def say(self, text):
        self.browser.see("#send:enabled")
        self.browser.fill("#text", text)
        self.browser.click("#send")

    def test_two_people_chat(self):
        see = self.browser.see
        ann = self.enter("ann")
        see(".note", "Welcome, ann!")
        bob = self.enter("bob")
        see("#people", "ann")
        self.say("hello, Ann")
        see(".message.mine .text", "hello, Ann")
        self.to(ann)
        see(".note", "bob joined")
        see(".message .text", "hello, Ann")
        self.browser.click("#people button", "bob")
        self.say("a secret")
        see(".message.direct.mine", "you to bob (direct)")
        self.to(bob)
        see(".message.direct", "ann to you (direct)")
        see(".message.direct .text", "a secret")
        self.browser.fill("#other", "garden")
        self.browser.click("#join button")
        see("#title", "garden")
        self.say("nobody is here")
        see(".message.mine .text", "nobody is here")
        self.to(ann)
        see(".note", "bob left")
        self.assertEqual(self.browser.all(".text", "nobody is here"), [])
        self.assertEqual(self.browser.nameless(), [])
        self.assertEqual(self.browser.complaints(), [])

    def test_a_connection_reconnects_after_a_close_and_a_reload(self):
        self.enter("cat", "attic")
        user = json.dumps({"connection": self.connection_of("attic")}).encode()
        request = urllib.request.Request(f"{self.gateway.console}api/close", user, method="POST")
        with urllib.request.urlopen(request) as answer:
            self.assertEqual(json.load(answer)["status"], 204)
        self.browser.see(".note", "It reconnects automatically")
        self.browser.see(".note", "You are back in attic")
        self.browser.see("#state", "online")
        self.say("still here")
        self.browser.see(".message .text", "still here")
        self.browser.driver.refresh()
        self.browser.see("#state", "online")
        self.browser.see("#title", "attic")
        self.browser.see(".message .text", "still here")

    def connection_of(self, room):
        """The connection in a room."""
        dynamodb = self.gateway.client("dynamodb")
        (table,) = dynamodb.list_tables()["TableNames"]
        key = {":room": {"S": f"R#{room}"}}

        def look():
            found = dynamodb.query(
                TableName=table,
                ConsistentRead=True,
                KeyConditionExpression="pk = :room",
                ExpressionAttributeValues=key,
            )
            return found["Items"]

        (member,) = eventually(f"a member of {room}", look)
        return member["sk"]["S"].split("#")[1]

    def test_a_name_that_is_not_valid_is_rejected_before_a_request(self):
        self.browser.driver.switch_to.new_window("tab")
        self.browser.driver.get(self.gateway.page)
        self.browser.fill("#name", "no name")
        self.browser.click("#enter button")
        self.assertTrue(self.browser.run("return document.querySelector('#name').matches(':invalid')"))
        self.assertTrue(self.browser.all("#door"))

    def test_it_fits_a_phone(self):
        self.enter("dan", "phone")
        self.browser.resize(390, 780)
        self.assertFalse(self.browser.overflows())
        self.browser.click("#menu")
        self.browser.see("#people", "dan")


if __name__ == "__main__":
    unittest.main()
