"""Thousands of clients that need little memory and processor time."""

import asyncio
import resource
import threading
import urllib.parse

from .programs import TIMEOUT

# How many connect at once.
AT_ONCE = 100

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Crowd:
    """Open websockets. Some of them send messages all the time."""

    def __init__(self, url, clients, talking):
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.url = urllib.parse.urlsplit(url)
        self.clients = clients
        self.talking = talking
        self.open = threading.Event()
        self.failed = None
        self.loop = asyncio.new_event_loop()
        self.done = asyncio.Event()
        self.thread = threading.Thread(target=self.run)

    def __enter__(self):
        self.thread.start()
        if not self.open.wait(TIMEOUT):
            raise AssertionError(f"{self.clients} clients do not connect within {TIMEOUT} s")
        if self.failed:
            raise AssertionError("a client cannot connect") from self.failed
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join()
        self.loop.close()

    def run(self):
        self.loop.run_until_complete(self.live())

    async def live(self):
        places = asyncio.Semaphore(AT_ONCE)
        try:
            connecting = [self.connect(places) for _ in range(self.clients)]
            connected = await asyncio.gather(*connecting)
        except Exception as error:  # __enter__ raises it
            self.failed = error
            return
        finally:
            self.open.set()
        talking = [asyncio.ensure_future(self.talk(*one)) for one in connected[: self.talking]]
        await self.done.wait()
        for task in talking:
            task.cancel()
        await asyncio.gather(*talking, return_exceptions=True)
        for _, writer in connected:
            writer.transport.abort()

    async def connect(self, places):
        async with places:
            reader, writer = await asyncio.open_connection(self.url.hostname, self.url.port)
            handshake = HANDSHAKE.format(path=self.url.path, host=self.url.netloc)
            writer.write(handshake.encode())
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 101"):
                raise AssertionError(head.decode())
            return reader, writer

    async def talk(self, reader, writer):
        """Sends a message, and the next one after each answer."""
        said = b"nonsense"
        frame = bytes([0x81, 0x80 | len(said), 0, 0, 0, 0]) + said
        while True:
            writer.write(frame)
            await reader.read(4096)
