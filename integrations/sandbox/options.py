"""The command's options, shared by `python -m integrations.sandbox` and `manage.py sandbox`."""

import argparse
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

from integrations.sandbox.server import serve


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options on a parser."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=4566, help="port to listen on, 0 for a free one (default: 4566)")
    parser.add_argument("--state-dir", type=Path, default=None, help="keep accounts here over a restart")
    parser.add_argument(
        "--propagation", type=float, default=0.0, metavar="SECONDS", help="let IAM changes take this long, as on AWS"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="listen beyond loopback: anyone who reaches it can do anything"
    )


def run(arguments: list[str]) -> NoReturn:
    """Run the sandbox, and end the process with its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m integrations.sandbox", description="A local AWS that enforces IAM. It is not AWS."
    )
    add_options(parser)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    run_options(parser.parse_args(arguments))


def run_options(options: argparse.Namespace) -> NoReturn:
    """Run the sandbox with parsed options, and end the process with its exit code."""

    stop = threading.Event()

    def stopped(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, stopped)
    signal.signal(signal.SIGINT, stopped)
    code = serve(
        host=options.host,
        port=options.port,
        state_directory=options.state_dir,
        propagation=options.propagation,
        allow_remote=options.allow_remote,
        stop=stop,
    )
    sys.stdout.flush()
    sys.stderr.flush()
    # Everything is on disk; taking moto's objects apart one by one would cost seconds.
    os._exit(code)
