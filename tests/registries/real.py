"""Debian's ``docker-registry`` as a process of a test's own, at a free port of the loopback.

`./run test` provides the program. The storage is a folder that vanishes with the registry.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urljoin

import pytest
import requests

from tests.canaries import SUITE
from tests.conftest import ROOT

from .certificates import Certificate
from .content import Content
from .token_server import ISSUER, SERVICE, TokenServer

Auth = Literal["none", "basic", "token"]

USERNAME = "ada"
PASSWORD = SUITE.keep("a registry's password", "correct horse battery staple")
# bcrypt of PASSWORD; the registry takes no other hash
_HTPASSWD = f"{USERNAME}:$2b$04$jupyterGpuContainersAOhhDaULYMqX7ak4nw57e4iAevbhbdueq\n"

_UNPACKED = ROOT / ".run" / "docker-registry" / "usr" / "bin" / "docker-registry"
_START = 20.0  # seconds


def program() -> str:
    """Return the path of docker-registry."""
    found = shutil.which("docker-registry") or (str(_UNPACKED) if _UNPACKED.exists() else None)
    if found is None:
        pytest.fail("docker-registry is missing. `./run test` provides it.", pytrace=False)
    return found


class RealRegistry:
    """A registry.

    Parameters
    ----------
    auth : {"none", "basic", "token"}
        Who may come in: everybody; `USERNAME` with `PASSWORD`; whom a `TokenServer` lets in.
    certificate : Certificate, optional
        Signs tokens; with ``tls`` also the registry's own.
    tls : bool
        Whether it speaks https.
    """

    def __init__(
        self, auth: Auth = "none", *, certificate: Certificate | None = None, tls: bool = False
    ) -> None:
        self.auth = auth
        self.tls = tls
        self.certificate = certificate
        self.folder = Path(tempfile.mkdtemp(prefix="jgc-registry-"))
        self.tokens: TokenServer | None = None
        if auth == "token":
            assert certificate is not None
            self.tokens = TokenServer(certificate, USERNAME, PASSWORD)
        self._log: list[str] = []
        self._listening = threading.Event()
        # JSON is YAML
        (self.folder / "config.yml").write_text(json.dumps(self._config()))
        self.host = ""
        self._process = subprocess.Popen(
            [program(), "serve", str(self.folder / "config.yml")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._listening.wait(_START) or not self.host:
            self.close()
            pytest.fail(f"no registry: {''.join(self._log)[-2000:]}", pytrace=False)
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._http = requests.Session()
        self._http.trust_env = False
        if tls:
            assert certificate is not None
            self._http.verify = str(certificate.pem)

    @property
    def log(self) -> str:
        """What it wrote, its access log among it."""
        return "".join(self._log)

    def reference(self, name: str) -> str:
        """Return the whole reference of ``repository:tag`` here."""
        return f"{self.host}/{name}"

    def put(self, name: str, content: Content) -> str:
        """Upload an image or an index under ``repository:tag``; return its whole reference."""
        repository, _, tag = name.rpartition(":")
        headers = self._authorization(repository)
        for part in content.walk():
            for blob in part.blobs:
                self._upload(repository, blob.digest, blob.data, headers)
            last = part is content
            self._request(
                "PUT",
                f"/v2/{repository}/manifests/{tag if last else part.digest}",
                headers={**headers, "Content-Type": part.manifest.media_type},
                data=part.manifest.data,
            )
        return self.reference(name)

    def digest(self, name: str) -> str:
        """Return the digest of what is there under ``repository:tag``."""
        repository, _, tag = name.rpartition(":")
        accept = {"Accept": "application/vnd.docker.distribution.manifest.v2+json"}
        headers = self._authorization(repository) | accept
        answer = self._request("HEAD", f"/v2/{repository}/manifests/{tag}", headers=headers)
        return str(answer.headers["Docker-Content-Digest"])

    def close(self) -> None:
        """End it and remove what it stored."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stderr
        self._process.stderr.close()
        if self.tokens is not None:
            self.tokens.close()
        shutil.rmtree(self.folder)

    def _config(self) -> dict[str, Any]:
        http: dict[str, Any] = {"addr": "127.0.0.1:0", "relativeurls": True}
        if self.tls:
            assert self.certificate is not None
            http["tls"] = {
                "certificate": str(self.certificate.pem),
                "key": str(self.certificate.key),
            }
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "info", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "data")},
                "delete": {"enabled": True},
            },
            "http": http,
        }
        if self.auth == "basic":
            (self.folder / "htpasswd").write_text(_HTPASSWD)
            config["auth"] = {
                "htpasswd": {"realm": "the tests", "path": str(self.folder / "htpasswd")}
            }
        if self.tokens is not None:
            assert self.certificate is not None
            config["auth"] = {
                "token": {
                    "realm": self.tokens.realm,
                    "service": SERVICE,
                    "issuer": ISSUER,
                    "rootcertbundle": str(self.certificate.pem),
                }
            }
        return config

    def _read(self) -> None:
        assert self._process.stderr
        for line in self._process.stderr:
            self._log.append(line)
            if found := re.search(r"listening on (127\.0\.0\.1:\d+)", line):
                self.host = found[1]
                self._listening.set()
        self._listening.set()  # it ended

    def _authorization(self, repository: str) -> dict[str, str]:
        if self.auth == "basic":
            self._http.auth = (USERNAME, PASSWORD)
        if self.tokens is None:
            return {}
        token = self.tokens.issue(f"repository:{repository}:pull,push", user=USERNAME)
        return {"Authorization": f"Bearer {token}"}

    def _upload(self, repository: str, digest: str, data: bytes, headers: dict[str, str]) -> None:
        begun = self._request("POST", f"/v2/{repository}/blobs/uploads/", headers=headers)
        location = begun.headers["Location"]
        location += ("&" if "?" in location else "?") + f"digest={digest}"
        self._request("PUT", location, headers=headers, data=data)

    def _request(self, method: str, path: str, **more: Any) -> requests.Response:
        answer = self._http.request(method, urljoin(self.url, path), timeout=30, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer
