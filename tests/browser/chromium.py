"""A headless Chromium that is told what to do through a pair of pipes: no library, no port, no network."""

import base64
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 60


class Browser:
    """One page of a browser, and what happened in it."""

    def __init__(self, write: int, read: int) -> None:
        self._write, self._read, self._left = write, read, b""
        self._numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """Call a method of the DevTools protocol, and keep the events that come before its answer."""
        number = next(self._numbers)
        session = {} if self._session is None else {"sessionId": self._session}
        told = json.dumps({"id": number, "method": method, "params": parameters, **session})
        os.write(self._write, told.encode() + b"\0")
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self.events.append(message)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            some = os.read(self._read, 1 << 16)
            assert some, "the browser ended"
            self._left += some
        one, _, self._left = self._left.partition(b"\0")
        found: dict[str, Any] = json.loads(one)
        return found

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Open a file at a width, in a color scheme."""
        self.open_url(page.absolute().as_uri(), width, scheme)

    def open_url(self, url: str, width: int, scheme: str) -> None:
        """Open a page at a width, in a color scheme."""
        mobile = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=mobile)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.events = []
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def ask(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, which the page itself could not run."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def shot(self, path: Path) -> None:
        """Write a picture of the whole page."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16_000), "scale": 1}
        data = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and end it."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        sys.exit("chromium is not there, in which reports are looked at; on Debian: apt install chromium")
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")  # which root cannot have
        # It reads from 3 and writes to 4.
        script = f'exec "$@" 3<&{to_browser[0]} 4>&{from_browser[1]}'
        command = ["sh", "-c", script, "sh", program, *options, "about:blank"]
        with subprocess.Popen(  # noqa: S603
            command, pass_fds=(to_browser[0], from_browser[1]), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as process:
            os.close(to_browser[0])
            os.close(from_browser[1])
            try:
                yield Browser(to_browser[1], from_browser[0])
            finally:
                process.terminate()
                process.wait(_SECONDS)
                os.close(to_browser[1])
                os.close(from_browser[0])
