"""A model hub on this machine: the requests of huggingface_hub that `aam pull` and `aam push` lead to, by HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_the_tests"


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


@dataclass
class Repository:
    """A model of the hub: its files, and how the hub answers."""

    files: dict[str, bytes] = field(default_factory=dict)
    private: bool = False
    gated: bool = False
    commit: str = "a" * 40
    said: dict[str, int] = field(default_factory=dict)
    """Name -> bytes that the hub says, where they are not the file's."""
    sent: dict[str, bytes] = field(default_factory=dict)
    """Name -> what the hub sends, where it is not the file."""
    stops: set[str] = field(default_factory=set)
    """Names of files of which the hub sends a half."""


@dataclass
class FakeHub:
    """What the server holds, and what it was asked."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    refuses: dict[str, int] = field(default_factory=dict)
    """Start of ``METHOD PATH`` -> status with which it is refused."""
    address: str = ""

    def put(self, name: str, folder: Path, **facts: object) -> Repository:
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        self.repositories[name] = found = Repository({**files, ".gitattributes": b"*\n"}, **facts)  # type: ignore[arg-type]
        return found


@contextmanager
def serving() -> Iterator[FakeHub]:
    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers requests from what the hub holds."""

    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.answer()

    def do_HEAD(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def do_PUT(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        for start, status in self.hub.refuses.items():
            if f"{self.command} {path}".startswith(start):
                return self.refuse(status, "refused")
        parts = path.strip("/").split("/")
        if parts[:2] == ["lfs", "put"]:
            return self.take_object(parts[2])
        if parts[0] == "lfs":
            return self.send(self.hub.objects[parts[1]])
        if parts[:2] == ["api", "models"]:
            return self.model("/".join(parts[2:4]), parts[4:])
        if parts == ["api", "repos", "create"]:
            return self.create(json.loads(self.body))
        if parts == ["api", "validate-yaml"]:
            return self.send_json({"errors": [], "warnings": []})
        if len(parts) > 4 and parts[2] == "resolve":
            return self.file("/".join(parts[:2]), "/".join(parts[4:]))
        if parts[-3:] == ["lfs", "objects", "batch"]:
            return self.batch(json.loads(self.body))
        return self.refuse(404, "no such page")

    def is_signed_in(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def found(self, name: str) -> Repository | None:
        """The repository, if whoever asks may see it; else the answer is sent."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self.is_signed_in()):
            code = 404 if self.is_signed_in() else 401
            self.refuse(code, "Repository not found", "RepoNotFound")
            return None
        return repository

    def model(self, name: str, rest: list[str]) -> None:
        repository = self.found(name)
        if repository is None:
            return None
        if rest[:1] in (["preupload"], ["commit"]) and not self.is_signed_in():
            return self.refuse(403, "not yours")
        if rest[:1] == ["preupload"]:
            files = json.loads(self.body)["files"]
            modes = [("lfs" if one["path"].endswith(".safetensors") else "regular", one["path"]) for one in files]
            found = [{"path": path, "uploadMode": mode, "shouldIgnore": False} for mode, path in modes]
            return self.send_json({"files": found})
        if rest[:1] == ["commit"]:
            return self.commit(name, repository)
        if rest[:1] == ["revision"] and rest[1] not in ("main", "v1", repository.commit):
            return self.refuse(404, "Invalid rev id", "RevisionNotFound")
        siblings = [self.sibling(repository, one) for one in repository.files]
        facts = {"id": name, "sha": repository.commit, "private": repository.private, "gated": repository.gated}
        return self.send_json({**facts, "siblings": siblings, "tags": [], "downloads": 0})

    def sibling(self, repository: Repository, name: str) -> dict[str, object]:
        content = repository.files[name]
        size = repository.said.get(name, len(content))
        found: dict[str, object] = {"rfilename": name, "size": size, "blobId": "0" * 40}
        if name.endswith(".safetensors"):
            sum = hashlib.sha256(content).hexdigest()
            found["lfs"] = {"sha256": sum, "size": size, "pointerSize": 100}
        return found

    def file(self, name: str, path: str) -> None:
        repository = self.found(name)
        if repository is None:
            return None
        if repository.gated:
            return self.refuse(403, "Access is restricted", "GatedRepo")
        if path not in repository.files:
            return self.refuse(404, "Entry not found", "EntryNotFound")
        content = repository.sent.get(path, repository.files[path])
        etag = hashlib.sha256(repository.files[path]).hexdigest()
        headers = {"X-Repo-Commit": repository.commit, "ETag": f'"{etag}"'}
        return self.send(content, headers, half=path in repository.stops)

    def create(self, wanted: dict[str, str]) -> None:
        if not self.is_signed_in():
            return self.refuse(401, "sign in")
        name = f"{wanted['organization']}/{wanted['name']}"
        if name in self.hub.repositories:
            return self.refuse(409, "there already")
        self.hub.repositories[name] = Repository(private=wanted.get("visibility") == "private")
        return self.send_json({"url": f"{self.hub.address}/{name}", "name": name})

    def batch(self, wanted: dict[str, list[dict[str, object]]]) -> None:
        places = [
            {**one, "actions": {"upload": {"href": f"{self.hub.address}/lfs/put/{one['oid']}"}}}
            for one in wanted["objects"]
        ]
        return self.send_json({"transfer": "basic", "objects": places})

    def take_object(self, sum: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != sum:
            return self.refuse(400, "another file")
        self.hub.objects[sum] = self.body
        return self.send(b"")

    def commit(self, name: str, repository: Repository) -> None:
        lines = [json.loads(line) for line in self.body.splitlines()]
        self.hub.messages.append(lines[0]["value"]["summary"])
        for line in lines[1:]:
            value = line["value"]
            is_file = line["key"] == "file"
            content = base64.b64decode(value["content"]) if is_file else self.hub.objects[value["oid"]]
            repository.files[value["path"]] = content
        repository.commit = hashlib.sha256(self.body).hexdigest()[:40]
        facts = {"commitUrl": f"{self.hub.address}/{name}/commit/{repository.commit}", "commitOid": repository.commit}
        return self.send_json({**facts, "success": True})

    def send_json(self, content: object) -> None:
        self.send(json.dumps(content).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, words: str, code: str = "") -> None:
        headers = {"X-Error-Message": words} | ({"X-Error-Code": code} if code else {})
        self.send(json.dumps({"error": words}).encode(), headers, status=status)

    def send(
        self, content: bytes, headers: dict[str, str] | None = None, *, status: int = 200, half: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if half else content)
            self.close_connection = half
