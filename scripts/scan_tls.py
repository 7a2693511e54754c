"""`python -m scripts.scan_tls HOST:PORT`: what a server takes of TLS, as sslscan finds it by offering all there is.

The rehearsal and a test scan deploy/nginx/rolebridge.conf with it; it asks any other proxy or load balancer as well.
"""

import re
import subprocess
import sys

GOOD_PROTOCOLS = {"tls 1.2", "tls 1.3"}
# All of TLS 1.3, and of TLS 1.2 what has forward secrecy and authenticates what it encrypts.
GOOD_CIPHER = re.compile(r"TLSv1\.3 .+|TLSv1\.2 (EC)?DHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)")


def taken(server: str) -> tuple[list[str], list[str]]:
    """The protocols ("tls 1.2") and the ciphers ("TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256") that the server takes.

    Raises:
        FileNotFoundError: sslscan is not installed.
    """
    command = ["sslscan", "--no-colour", "--no-check-certificate", "--no-group", "--xml=-", server]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    protocols = re.findall(r'<protocol type="(\w+)" version="([\d.]+)" enabled="1"', found)
    ciphers = re.findall(r'<cipher [^>]*sslversion="([^"]+)"[^>]* cipher="([^"]+)"', found)
    return [" ".join(one) for one in protocols], [" ".join(one) for one in ciphers]


def main() -> int:
    """Print what the server takes; 1 where something of that is weak or it takes nothing, 2 for a wrong call."""
    if len(sys.argv) != 2:
        sys.stderr.write("Give one server to scan, as HOST:PORT.\n")
        return 2
    try:
        protocols, ciphers = taken(sys.argv[1])
    except FileNotFoundError:
        sys.stderr.write("sslscan is missing. On Debian: apt-get install sslscan\n")
        return 2
    weak = [one for one in protocols if one not in GOOD_PROTOCOLS]
    weak += [one for one in ciphers if not GOOD_CIPHER.fullmatch(one)]
    for one in protocols + ciphers:
        sys.stdout.write(f"   {one}{'  WEAK' if one in weak else ''}\n")
    if not ciphers:
        sys.stdout.write(f"   {sys.argv[1]} takes no TLS at all, or does not answer\n")
    return 1 if weak or not ciphers else 0


if __name__ == "__main__":
    sys.exit(main())
