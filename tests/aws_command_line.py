"""The real `aws` command line, quick enough for a script that calls it a hundred times.

Starting Python and reading its modules is nearly all that a call costs. A server reads them once and forks for each
call; what a script calls as `aws` only hands over its arguments, environment, directory and outputs.

    python -m tests.aws_command_line SOCKET           the server
    python tests/aws_command_line.py SOCKET ARGUMENT… the command
"""

import json
import os
import socket
import sys
import traceback
from pathlib import Path


def command(path: str, arguments: list[str]) -> int:
    """Have the server run `aws` with these arguments; its exit status."""
    asked = json.dumps({"arguments": arguments, "environment": dict(os.environ), "directory": str(Path.cwd())}).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(path)
        socket.send_fds(connection, [len(asked).to_bytes(8, "big")], [1, 2])
        connection.sendall(asked)
        return connection.recv(1)[0]


def serve(path: str) -> None:
    """Answer one call after the other, each in a process of its own, until this one is ended."""
    import awscli.clidriver

    driver = awscli.clidriver.create_clidriver()
    nobody = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    for service in ("iam", "sts"):
        driver.session.create_client(service, region_name="us-east-1", **nobody)  # reads what it needs
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(16)
        print("ready", flush=True)  # noqa: T201 — what the one who started it waits for
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(bytes([_run(connection, driver.main)]))


def _run(connection: socket.socket, main) -> int:
    size, outputs, _, _ = socket.recv_fds(connection, 8, 2)
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += connection.recv(65536)
    call = json.loads(asked)
    child = os.fork()
    if child == 0:
        status = 255
        try:
            for number, output in enumerate(outputs, start=1):
                os.dup2(output, number)
            where_its_data_is = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}  # set as awscli is imported
            os.environ.clear()
            os.environ.update(where_its_data_is | call["environment"])
            os.chdir(call["directory"])
            status = main(call["arguments"]) or 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        except BaseException:  # noqa: BLE001 — the child must end here, and say why
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    for output in outputs:
        os.close(output)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    if len(sys.argv) == 2:
        serve(sys.argv[1])
    else:
        sys.exit(command(sys.argv[1], sys.argv[2:]))
