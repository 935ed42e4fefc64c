"""A key and a certificate of the tests' own, for TLS and for signing tokens."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1, localhost and registry.test."""

    key: Path
    pem: Path

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a JSON web token (RS256) that carries the certificate."""
        body = "".join(self.pem.read_text().splitlines()[1:-1])
        header = {"typ": "JWT", "alg": "RS256", "x5c": [body]}
        text = ".".join(_coded(json.dumps(part).encode()) for part in (header, claims))
        command = ["openssl", "dgst", "-sha256", "-sign", str(self.key)]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
        return f"{text}.{_coded(done.stdout)}"


def _coded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def make_certificate(folder: Path) -> Certificate:
    """Make one in a folder, by openssl."""
    made = Certificate(folder / "key.pem", folder / "certificate.pem")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test"
    command = [
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"),
        *("-subj", "/CN=registries of the tests", "-addext", names),
        *("-keyout", str(made.key), "-out", str(made.pem)),
    ]
    subprocess.run(command, capture_output=True, check=True)
    return made
