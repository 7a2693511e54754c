"""Ports that stay one process's own.

`services.free_port` is for what listens at once. Between choosing a port and the first test that needs it can lie many
minutes, in which another process of the same run may be handed the same one: two of them would then share a Valkey, and
each would empty the other's cache and run its tasks.
"""

import random
import socket

# Below those that the kernel hands out by itself (ip_local_port_range begins at 32768).
_PORTS = range(20_000, 32_000)
_claims: list[socket.socket] = []


def reserved_port() -> int:
    """A port that nothing listens on and that no other process of tests gets while this one lives.

    The claim is a UDP socket of the same number: whoever else tries it is refused, and TCP is left free.
    """
    for port in random.sample(_PORTS, len(_PORTS)):
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return port
    raise RuntimeError(f"No port of {_PORTS.start} to {_PORTS.stop} is free.")
