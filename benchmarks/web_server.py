"""gunicorn beside granian, each with two processes of eight threads: what a request costs, and what a stop loses.

    python benchmarks/web_server.py [--requests N] [--rounds N]

The sign-in page and a page of the API, asked for by 16 clients that keep their connections, in turns. CPU time is that
of all processes of the server, which on a machine that other work shares says more than requests a second. Then the
server gets SIGTERM while clients ask: what it had taken must be answered. Everything runs on 127.0.0.1 and is ended in
a few minutes.
"""

import argparse
import http.client
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil
from installation import installation
from scene import cpu_seconds, free_port

from portal.local import services

CLIENTS = 16
SERVERS: dict[str, Callable[[int], list[str]]] = {
    "gunicorn": lambda port: [
        sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}",
        "portal.wsgi",
    ],
    "granian": lambda port: [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", "2", "--blocking-threads", "8", "--workers-kill-timeout", "25", "portal.wsgi:application",
    ],
}  # fmt: skip


@contextmanager
def serving(name: str, log: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The server, once it answers, and its port."""
    port = free_port()
    with services.child_process(SERVERS[name](port), log) as process:
        services.wait_until(name, lambda: services.answers(f"http://127.0.0.1:{port}/livez"), process, log)
        yield process, port


def family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The server's processes."""
    parent = psutil.Process(process.pid)
    return [parent, *parent.children(recursive=True)]


def ask(port: int, path: str, token: str, count: int) -> list[float]:
    """Ask so many times over one connection; how long each took. Anything but 200 ends the benchmark."""
    times = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(count):
        started = time.perf_counter()
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path} answered {answer.status}")
        times.append(time.perf_counter() - started)
    connection.close()
    return times


def measure(process: subprocess.Popen[bytes], port: int, path: str, token: str, requests: int) -> dict[str, float]:
    """CPU milliseconds a request, requests a second, and the 95th percentile in milliseconds."""
    ask(port, path, token, 50)
    before = sum(cpu_seconds(one.pid) for one in family(process))
    started = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        each = list(pool.map(lambda _: ask(port, path, token, requests // CLIENTS), range(CLIENTS)))
    seconds = time.perf_counter() - started
    times = [one for some in each for one in some]
    spent = sum(cpu_seconds(one.pid) for one in family(process)) - before
    return {
        "cpu": spent * 1000 / len(times),
        "rate": len(times) / seconds,
        "p95": statistics.quantiles(times, n=20)[-1] * 1000,
    }


def lost_at_stop(process: subprocess.Popen[bytes], port: int, path: str, token: str) -> tuple[int, int]:
    """Requests answered, and lost, of those sent over a connection that was already open when the server was stopped.

    A request counts as lost where its answer begins and does not end, or where the server closes without one although
    the request was sent before SIGTERM.
    """
    answered, lost, told = [0], [0], threading.Event()

    def client() -> None:
        while not told.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            try:
                connection.connect()
            except OSError:
                return
            sent_before = not told.is_set()
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
                connection.getresponse().read()
                answered[0] += 1
            except (OSError, http.client.HTTPException):
                lost[0] += sent_before and not told.is_set()
            finally:
                connection.close()

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(0.01)
    told.set()
    for thread in threads:
        thread.join()
    process.wait(60)
    return answered[0], lost[0]


def main() -> int:
    """Measure and print; 1 if either server lost a request."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1600)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    losses = 0
    with installation(workers=0) as place:
        _, _, token = place.tenant(1)
        pages = {"sign-in page": ("/accounts/login/", ""), "API page": ("/api/v1/connections/", token)}
        cpu: dict[tuple[str, str], list[float]] = {}
        for _ in range(options.rounds):
            for name in SERVERS:
                log = Path(os.environ["ROLEBRIDGE_LOCAL_DIR"]) / "logs" / f"{name}.log"
                with serving(name, log) as (process, port):
                    for page, (path, as_whom) in pages.items():
                        found = measure(process, port, path, as_whom, options.requests)
                        cpu.setdefault((page, name), []).append(found["cpu"])
                        print(
                            f"{name:9} {page:13} {found['cpu']:6.2f} ms of CPU  {found['rate']:6.0f} requests/s  "
                            f"p95 {found['p95']:6.1f} ms"
                        )
                    memory = sum(one.memory_full_info().uss for one in family(process)) / 2**20
                    answered, lost = lost_at_stop(process, port, "/accounts/login/", "")
                    losses += lost
                    print(f"{name:9} memory of its own {memory:.0f} MB; at SIGTERM {answered} answered, {lost} lost")
        for page in pages:
            best = {name: min(cpu[page, name]) for name in SERVERS}
            print(f"CPU of granian / gunicorn, {page}: {best['granian'] / best['gunicorn']:.2f}")
    return 1 if losses else 0


if __name__ == "__main__":
    sys.exit(main())
