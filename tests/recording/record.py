#!/usr/bin/env python3
"""Records the local gateway and two clients, and writes an animated SVG.

usage: tests/recording/record.py GATEWAY PROGRAM [OUTPUT]

GATEWAY is the program lambda-ws-local, PROGRAM the chat. Both run on free ports. OUTPUT is
crates/chat/demo.svg by default. Every line in the picture is a line that a program printed.
"""

import queue
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parents[2]
CLIENT = 'connect "ws://127.0.0.1:3001/dev?user={user}"'
# When each client types what: seconds after both are connected.
SCRIPT = [
    (0.8, "ann", '{"action":"say","text":"hi bob"}'),
    (2.4, "bob", '{"action":"say","text":"hello"}'),
    (4.0, "bob", '{"action":"join","room":"tea"}'),
    (8.0, "ann", '{"action":"who"}'),
]
END = 9.5

WIDTH, LINE, CHAR = 860, 17, 7.25
PANES = {"gateway": (0, 0, WIDTH, 13), "ann": (0, 15, WIDTH, 8), "bob": (0, 25, WIDTH, 8)}
HEIGHT = 35 * LINE


class Recorder:
    def __init__(self):
        self.begin = time.monotonic()
        self.lines = {pane: [] for pane in PANES}
        self.arrived = queue.Queue()

    def now(self):
        return time.monotonic() - self.begin

    def add(self, pane, text, kind="out"):
        self.lines[pane].append((self.now(), kind, text))

    def follow(self, pane, stream):
        def read():
            for line in stream:
                self.add(pane, line.rstrip("\n"))
                self.arrived.put((pane, line))

        threading.Thread(target=read, daemon=True).start()

    def expect(self, pane, text):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found_pane, line = self.arrived.get(timeout=30)
            if found_pane == pane and text in line:
                return line
        raise SystemExit(f"error: {pane} printed no {text!r} within 30 s")


def start(*command, **options):
    return subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=ROOT, **options
    )


def record(gateway_program, program):
    recorder = Recorder()
    recorder.add("gateway", "cargo dev", "typed")
    gateway = start(gateway_program, "--port", "0", "--dynamodb-port", "0", "--", program)
    clients = {}
    try:
        recorder.follow("gateway", gateway.stdout)
        url = re.search(r"ws://\S+", recorder.expect("gateway", "websocket")).group()
        recorder.expect("gateway", "credentials")
        for user in ("ann", "bob"):
            recorder.add(user, "cargo dev " + CLIENT.format(user=user), "typed")
            time.sleep(0.6)
            client = start(gateway_program, "connect", f"{url}?user={user}", stdin=subprocess.PIPE)
            recorder.follow(user, client.stdout)
            clients[user] = client
            recorder.expect(user, "welcome")
        begin = time.monotonic()
        for after, user, text in SCRIPT:
            time.sleep(max(0, begin + after - time.monotonic()))
            recorder.add(user, text, "typed in")
            print(text, file=clients[user].stdin, flush=True)
        time.sleep(max(0, begin + END - time.monotonic()))
    finally:
        for process in (*clients.values(), gateway):
            process.terminate()
    return recorder, gateway_ports(url)


def gateway_ports(url):
    """The free ports of the recording are shown as the default ports."""
    return re.search(r":(\d+)/", url).group(1)


def clean(text, port):
    text = re.sub(r"\x1b\[[0-9;]*m", "", text).replace(f":{port}", ":3001")
    if text.startswith("dynamodb"):
        text = re.sub(r":\d+$", ":8000", text)
    return text


def svg(recorder, port):
    end = recorder.now()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,monospace" font-size="12">',
        "<title>cargo dev serves the chat; two clients talk to each other</title>",
        "<style>text{white-space:pre;fill:#d0d7de;opacity:0;animation:s .01s forwards}"
        "@keyframes s{to{opacity:1}}.p{fill:#7ee787}.k{fill:#79c0ff}.i{fill:#e3b341}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#0d1117"/>',
    ]
    for pane, (_, row, width, height) in PANES.items():
        top = (row + 1) * LINE
        if row:
            parts.append(f'<path d="M12 {top - LINE - 2}H{WIDTH - 12}" stroke="#30363d"/>')
        shown = 0
        for at, kind, text in recorder.lines[pane]:
            text = clean(text, port)
            if text.startswith("note:") or shown >= height:
                continue
            most = int((width - 24) / CHAR)
            text = text if len(text) <= most else text[: most - 1] + "…"
            body = escape(text)
            if kind == "typed":
                body = f'<tspan class="p">$ </tspan>{body}'
            elif kind == "typed in":
                body = f'<tspan class="i">{body}</tspan>'
            elif pane == "gateway":
                body = re.sub(r"^(\S+)", r'<tspan class="k">\1</tspan>', body)
            y = top + shown * LINE
            parts.append(f'<text x="12" y="{y}" style="animation-delay:{at:.2f}s">{body}</text>')
            shown += 1
    parts.append(f"<!-- {end:.0f} s, made by tests/recording/record.py --></svg>\n")
    return "\n".join(parts)


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[1] in ("-h", "--help"):
        raise SystemExit(__doc__)
    output = Path(sys.argv[3]) if len(sys.argv) == 4 else ROOT / "crates/chat/demo.svg"
    recorder, port = record(*sys.argv[1:3])
    output.write_text(svg(recorder, port))
    print(f"{output}: {output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
