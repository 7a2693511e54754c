"""A mail server that asks for STARTTLS and a password, and keeps each mail as a file.

mail_server.py PORT TLS-FOLDER MAILS-FOLDER
"""

import base64
import itertools
import socketserver
import ssl
import sys
from pathlib import Path

PORT, TLS, MAILS = int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])
NUMBERS = itertools.count()
CONTEXT = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
CONTEXT.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
EXPECTED = base64.b64encode(b"\0portal\0rehearsal")


class Session(socketserver.StreamRequestHandler):
    """One client."""

    def handle(self) -> None:
        """Talk SMTP until it hangs up. Without TLS and the password no mail is taken."""
        stream, is_private, is_known = self.request.makefile("rwb"), False, False

        def say(line: str) -> None:
            stream.write(line.encode() + b"\r\n")
            stream.flush()

        say("220 rehearsal")
        while line := stream.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                say("250-rehearsal\r\n250 AUTH PLAIN" if is_private else "250-rehearsal\r\n250 STARTTLS")
            elif verb == b"STAR":
                say("220 go")
                stream = CONTEXT.wrap_socket(self.request, server_side=True).makefile("rwb")
                is_private = True
            elif verb == b"AUTH":
                is_known = is_private and line.split()[-1] == EXPECTED
                say("235 in" if is_known else "535 no")
            elif verb == b"QUIT":
                say("221 bye")
                return
            elif not is_known:
                say("530 TLS and a password first")
            elif verb == b"DATA":
                say("354 go")
                mail = b""
                while not mail.endswith(b"\r\n.\r\n"):
                    mail += stream.readline()
                (MAILS / f"{next(NUMBERS):04}.eml").write_bytes(mail)
                say("250 kept")
            else:
                say("250 ok")


MAILS.mkdir()
socketserver.ThreadingTCPServer.allow_reuse_address = True
with socketserver.ThreadingTCPServer(("127.0.0.1", PORT), Session) as server:
    server.serve_forever()
