"""A SOCKS 5 proxy (RFC 1928) without a password: prints its port, then a line for each connection that it makes."""

import socket
import socketserver
import threading


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        _, count = self._read(2)
        self._read(count)
        self.request.sendall(b"\x05\x00")
        *_, kind = self._read(4)
        host = socket.inet_ntoa(self._read(4)) if kind == 1 else self._read(self._read(1)[0]).decode()
        port = int.from_bytes(self._read(2), "big")
        print(f"{host}:{port}", flush=True)
        with socket.create_connection((host, port)) as there:
            self.request.sendall(b"\x05\x00\x00\x01" + bytes(6))
            threading.Thread(target=_pass_on, args=(there, self.request), daemon=True).start()
            _pass_on(self.request, there)

    def _read(self, count: int) -> bytes:
        return self.request.recv(count, socket.MSG_WAITALL)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    try:
        while block := source.recv(65536):
            target.sendall(block)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


if __name__ == "__main__":
    with _Server(("127.0.0.1", 0), _Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
