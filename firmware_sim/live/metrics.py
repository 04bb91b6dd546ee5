"""How a payload does, for whoever watches many: a text of the Prometheus exposition format 0.0.4, as a file and at an address."""

import http.server
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from firmware_sim.link.address import bound

PREFIX = "sensorproc_payload_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Metrics = Mapping[str, tuple[str, str, Mapping[str, float]]]  # by name: type, help, values by label ("" for none)


def exposition(metrics: Metrics) -> str:
    """The text of metrics."""
    lines = []
    for name, (kind, told, values) in metrics.items():
        lines += [f"# HELP {PREFIX}{name} {told}", f"# TYPE {PREFIX}{name} {kind}"]
        for label, value in values.items():
            where = '{kind="' + label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"}' if label else ""
            lines.append(f"{PREFIX}{name}{where} {value:.17g}")
    return "\n".join(lines) + "\n"


def write_metrics(path: Path, text: str) -> None:
    """Replace a ``.prom`` file in one step, as the node exporter's collector of text files wants it."""
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text, "utf-8")
    temporary.replace(path)


class MetricsServer:
    """Answers GET /metrics at an address with what ``text`` says then."""

    def __init__(self, address: tuple[str, int], text: Callable[[], str]):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.split("?")[0] != "/metrics":
                    self.send_error(404)
                    return
                body = text().encode()
                self.send_response(200)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing: who watches is not news."""

        with bound("tcp", address):
            self._server = http.server.ThreadingHTTPServer(address, Handler)
        self.address = str(self._server.server_address[0]), int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True, name="metrics").start()

    def close(self) -> None:
        """No more answers."""
        self._server.shutdown()
        self._server.server_close()
