"""A local S3 server, and a line to it that can be cut, held up or closed."""

import os
import socket
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pyarrow import fs

from tests.cluster.nodes import BIN, Group, free_port, wait

KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
BUCKET = "studies"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
FORBIDDEN = (
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(DENIED), DENIED)
)


class Line:
    """A TCP proxy before the S3 server.

    Its mode is open, cut (connections are reset once `passes` more bytes went to the server),
    silent (nothing is answered) or denied (403 to everything). `refused` counts requests that come
    while it is silent or denied.
    """

    def __init__(self, server: int) -> None:
        self.server = server
        self.mode = "open"
        self.passes = 0
        self.refused = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def uri(self, path: str) -> str:
        """A folder of the bucket, through this line."""
        query = f"scheme=http&endpoint_override=127.0.0.1:{self.port}"
        return f"s3://{BUCKET}/{path}?{query}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.server))
        threading.Thread(target=self._answer, args=(server, client), daemon=True).start()
        with suppress(OSError), closing(client), closing(server):
            while content := client.recv(65536):
                self.refused += self.mode in ("silent", "denied")
                if self.mode == "denied":
                    client.sendall(FORBIDDEN)
                    return
                if self.mode == "cut":
                    self.passes -= len(content)
                    if self.passes < 0:
                        return
                if self.mode != "silent":
                    server.sendall(content)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while content := server.recv(65536):
                if self.mode == "open" or (self.mode == "cut" and self.passes >= 0):
                    client.sendall(content)


@contextmanager
def s3_server(folder: Path) -> Iterator[Line]:
    """A server with one empty bucket, on a port of its own, and the line to it."""
    port = free_port()
    command = [str(BIN / "python"), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = Group(command, folder / "s3-server")
    try:
        wait(lambda: _answers(port), 60)
        before = {name: os.environ.get(name) for name in KEYS}
        os.environ.update(KEYS)
        endpoint = f"127.0.0.1:{port}"
        owner = fs.S3FileSystem(
            endpoint_override=endpoint, scheme="http", allow_bucket_creation=True
        )
        owner.create_dir(BUCKET)
        yield Line(port)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    finally:
        server.kill()


def _answers(port: int) -> bool:
    with suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
        return True
    return False
