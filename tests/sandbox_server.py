"""A sandbox as a child process, for any test that needs AWS to say no."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


class SandboxServer:
    """A running sandbox. `url` is its endpoint."""

    def __init__(self, *arguments: str, command: tuple[str, ...] = ("-m", "integrations.sandbox")) -> None:
        """Start it and wait until it answers. Raises RuntimeError with its output if it does not start."""
        self.process = subprocess.Popen(
            [sys.executable, *command, "--port", "0", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self.first_line = self.process.stdout.readline()
        found = re.search(r"http://\S+", self.first_line)
        if found is None:
            rest = self.process.communicate(timeout=10)[0]
            raise RuntimeError(f"the sandbox did not start: {self.first_line}{rest}")
        self.url = found.group(0)
        # Nobody reads on, and a full pipe would stop the sandbox in the middle of a line of its log.
        self._drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self._drain.start()

    def control(self, name: str, value: Any = None, *, method: str | None = None) -> Any:
        """Call `/_sandbox/name`, with a JSON body if `value` is given, and give the answer's JSON."""
        body = None if value is None else json.dumps(value).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/_sandbox/{name}", body, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def refused(self, name: str, value: Any = None) -> tuple[int, Any]:
        """Call `/_sandbox/name` where an error is expected, and give its status and JSON."""
        try:
            return 200, self.control(name, value)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self._wait()

    def stop(self) -> int:
        """End it properly, and give its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._wait()

    def _wait(self) -> int:
        code = self.process.wait(timeout=20)
        self._drain.join(timeout=5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code


@contextmanager
def running_sandbox(
    *arguments: str, command: tuple[str, ...] = ("-m", "integrations.sandbox")
) -> Iterator[SandboxServer]:
    """Run a sandbox for the length of a block."""
    server = SandboxServer(*arguments, command=command)
    try:
        yield server
    finally:
        server.stop()


def new_account_id() -> str:
    """Make up an account that no other test uses."""
    return "".join(secrets.choice("123456789") for _ in range(12))
