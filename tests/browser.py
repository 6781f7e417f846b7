"""A headless Chromium that opens a file: its DevTools protocol over a pipe, so that no other package is needed."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
         "--no-first-run", "--disable-background-networking", "--remote-debugging-pipe")  # fmt: skip
LONGEST = 120.0
"""Wait for one answer [s]."""


def chromium():
    """Path of a Chromium on this machine; None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """One open page: `evaluate` JavaScript in it, `drag` and `screenshot`; `complaints` are console errors and exceptions."""

    def __init__(self, url, profile, size=(1100, 900)):
        (to_browser, self._out), (self._in, from_browser) = os.pipe(), os.pipe()
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        os.close(to_browser), os.close(from_browser)
        command = [chromium(), *FLAGS, f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}", "about:blank"]
        self._child = subprocess.Popen(
            command, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: [os.dup2(end, at) for end, at in zip(high, (3, 4))],  # it reads 3 and writes 4
        )  # fmt: skip
        os.close(high[0]), os.close(high[1])
        self._buffer, self._number, self._session, self._events, self.complaints = b"", 0, None, [], []
        pages = [t for t in self.call("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self._session = self.call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Network.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        self.call("Page.navigate", url=url)
        self.until("document.readyState === 'complete' && location.protocol !== 'about:'")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        os.close(self._out), os.close(self._in)

    def call(self, method, **parameters):
        """What the browser answers to a method of its protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']['message']}"
                return answer["result"]

    def _read(self):
        end = time.monotonic() + LONGEST
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._in, 1 << 20) if ready else b""
            assert part, f"Chromium said nothing more; it ended with {self._child.poll()}"
            self._buffer += part
        one, self._buffer = self._buffer.split(b"\0", 1)
        message = json.loads(one)
        said, parameters = message.get("method"), message.get("params", {})
        if said == "Runtime.exceptionThrown":
            self.complaints.append(parameters["exceptionDetails"].get("exception", {}).get("description", "exception"))
        elif said == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.complaints.append(parameters["entry"]["text"])
        elif said == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "assert", "warning"):
            self.complaints.append(str([each.get("value") for each in parameters["args"]]))
        return message

    def evaluate(self, script):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script):
        """Wait until an expression is true in the page."""
        end = time.monotonic() + LONGEST
        while not self.evaluate(script):
            assert time.monotonic() < end, f"never came true: {script}; complaints: {self.complaints}"
            time.sleep(0.05)

    def drag(self, start, end):
        """Press at one place (x, y) [CSS pixels], go to the other and let go."""
        for kind, (x, y), held in (("mousePressed", start, 1), ("mouseMoved", end, 1), ("mouseReleased", end, 0)):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=held, clickCount=1)

    def click(self, selector):
        """Click on the middle of what a selector finds, scrolled into view."""
        self.evaluate(f"document.querySelector({selector!r}).scrollIntoView({{block: 'center', behavior: 'instant'}})")
        place = f"(() => {{ const b = document.querySelector({selector!r}).getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"
        x, y = self.evaluate(place)
        self.drag((x, y), (x, y))

    def screenshot(self):
        """The window as a .png, bytes."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
