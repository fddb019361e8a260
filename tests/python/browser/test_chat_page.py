"""The chat's page, in a browser."""

import json
import unittest

from harness.browser import Browser
from harness.gateway import serve_for
from harness.programs import eventually, fetch_json


class ChatPage(unittest.TestCase):
    """Two users in two tabs. Each has their own name."""

    @classmethod
    def setUpClass(cls):
        serve_for(cls)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def enter(self, name, room="lobby"):
        """Opens the chat in a new tab."""
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

    def test_two_users_chat(self):
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
        self.assertEqual(fetch_json(f"{self.gateway.console}api/close", user)["status"], 204)
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
        """Returns the id of the only connection in a room."""

        def look():
            return [sk for pk, sk in self.gateway.keys() if pk == f"R#{room}"]

        (member,) = eventually(f"a member of {room}", look)
        return member.split("#")[1]

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
