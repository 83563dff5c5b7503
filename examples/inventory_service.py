"""A small service for the examples that use `http`; it needs nothing but Python.

    python examples/inventory_service.py 8099

GET /items gives 25 items, ten at once, with a `Link` to the next page. POST /orders is busy at
first (503 and Retry-After), then takes an order once per Idempotency-Key. GET /report describes
/report.csv, and PUT /archive/report.csv takes it back.
"""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ITEMS = [{"sku": f"part-{n:02}", "stock": n % 7, "minimum": 3} for n in range(25)]
REPORT = "sku,stock\n" + "".join(f"part-{n:05},{n % 7}\n" for n in range(20_000))


class Service(ThreadingHTTPServer):
    """Remember the orders by their key, what was archived, and every request."""

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.orders: dict[str, dict] = {}
        self.archived: bytes | None = None
        self.requests: list[tuple[str, str, str | None]] = []
        self.refused = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.note()
        parts = urlsplit(self.path)
        if parts.path == "/items":
            size, start = (int(parse_qs(parts.query).get(key, [other])[0]) for key, other in PAGE)
            following = f'</items?start={start + size}&per_page={size}>; rel="next"'
            more = {"Link": following} if start + size < len(ITEMS) else {}
            self.answer(200, {"items": ITEMS[start : start + size], "total": len(ITEMS)}, **more)
        elif parts.path == "/report":
            sha256 = hashlib.sha256(REPORT.encode()).hexdigest()
            self.answer(200, {"name": "report.csv", "size": len(REPORT), "sha256": sha256})
        elif parts.path == "/report.csv":
            self.send(200, REPORT.encode(), {"Content-Type": "text/csv"})
        else:
            self.answer(404, {"error": "there is no such thing"})

    def do_POST(self) -> None:
        self.note()
        order, key = json.loads(self.body()), self.headers["Idempotency-Key"]
        if not self.server.refused:
            self.server.refused += 1
            self.answer(503, {"error": "busy"}, Retry_After="1")
            return
        status = 200 if key in self.server.orders else 201
        known = self.server.orders.setdefault(key, {"id": f"order-{len(self.server.orders) + 1}", **order})
        self.answer(status, known)

    def do_PUT(self) -> None:
        self.note()
        self.server.archived = self.body()
        self.answer(201, {"size": len(self.server.archived)})

    def note(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers["Idempotency-Key"]))

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def answer(self, status: int, value: dict, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), {"Content-Type": "application/json", **headers})

    def send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, text in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)


PAGE = (("per_page", "10"), ("start", "0"))

if __name__ == "__main__":
    with Service(int(sys.argv[1])) as service:
        print(f"Listening at {service.url}; Ctrl-C ends it.")
        service.serve_forever()
