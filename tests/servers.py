"""A Jupyter server of a test's own, as a process, and what a page in a browser does with it."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import requests
import websocket

from tests.canaries import SUITE
from tests.forked import Forked
from tests.rooms import Room
from tests.waiting import wait_until

START = 60.0  # seconds in which a server must answer
PATIENCE = 60.0  # seconds in which anything else must have happened
LAST = 6000  # characters of a log
# What `jupyter server` would load as well where it is installed: half of its start, and a Node.
FRONT_ENDS = ("jupyterlab", "jupyter_lsp", "notebook", "notebook_shim")
Process = subprocess.Popen[bytes] | Forked
LOST_SIGNAL = "RuntimeError: reentrant call inside"  # see `ask_to_end`


def ask_to_end(process: Process, log: Path, patience: float) -> None:
    """Send a Jupyter server SIGTERM, and return when it has ended, or after a time.

    Jupyter writes of the signal to its log in the signal's handler. Where that is in the middle of
    another line, Python refuses it, and the signal is lost: it is sent again, as people do.

    Parameters
    ----------
    process : Process
    log : Path
        Where it writes its log.
    patience : float
        Seconds.
    """
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(patience)
    if process.poll() is None and LOST_SIGNAL in log.read_text():
        process.send_signal(signal.SIGTERM)


class Server:
    """`jupyter server`, or another program on top of it, in a room.

    "server" is our extension without JupyterLab's and Notebook's, the others are as installed.

    Parameters
    ----------
    room : Room
    program : str
        "server", "lab" or "notebook".
    options : str
        More of its command line.
    env : mapping
        More variables.
    wrapper : sequence of str
        A command line that executes the one after it, in the same process.
    programs : Path, optional
        Folder of another environment's programs, where the extension is what installation made it.
    """

    def __init__(
        self,
        room: Room,
        *options: str,
        program: str = "server",
        env: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        programs: Path | None = None,
    ) -> None:
        self.room = room
        self.token = SUITE.make("server-token")
        self._pages: list[Page] = []
        self.log = room.base / f"{program}-{secrets.token_hex(8)}.log"
        enabled = {"jupyter_gpu_containers": True}
        if program == "server":
            enabled |= dict.fromkeys(FRONT_ENDS, False)
        command = [
            *wrapper,
            *(
                str((programs or Path(sys.executable).parent) / f"jupyter-{program}"),
                "--no-browser",
            ),
            *("--allow-root", "--ServerApp.port=0", f"--IdentityProvider.token={self.token}"),
            *([] if programs else [f"--ServerApp.jpserver_extensions={enabled}"]),
            *options,
        ]
        with self.log.open("wb") as log:
            self.process = self._begin(command, {**room.environ(), **(env or {})}, log)
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"token {self.token}"
        try:
            found = self.until(self._address, START)
            self.url = f"http://127.0.0.1:{found[1]}"
            self.until(self._answers, START)
        except BaseException:  # nobody else could end it
            self.kill()
            raise

    def _begin(self, command: list[str], env: dict[str, str], log: IO[bytes]) -> Process:
        """Start the process."""
        return subprocess.Popen(
            command,
            cwd=self.room.workspace,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )

    def _address(self) -> re.Match[str] | None:
        return re.search(r"http://[\w.]+:(\d+)/", self.log.read_text())

    def _answers(self) -> bool:
        try:
            return bool(self.request("GET", "/api/status").ok)
        except requests.ConnectionError:
            return False

    def until(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> Any:
        """Wait for a condition and return its value; a server that ended will never meet it."""

        def look() -> Any:
            value = condition()
            assert value or self.process.poll() is None, self.log.read_text()
            return value

        value = wait_until(look, timeout)
        assert value, self.log.read_text()
        return value

    def request(self, method: str, path: str, body: Any = None) -> requests.Response:
        """Make a request with the server's token; the answer has no canary."""
        answer = self.http.request(method, self.url + path, json=body, timeout=PATIENCE)
        SUITE.look_at_answer(f"{method} {path}", answer.headers, answer.content)
        return answer

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Make a request that must succeed; return the answer's JSON."""
        response = self.request(method, path, body)
        assert response.ok, f"{response.text}\n{self.last_said()}"
        return response.json() if response.content else None

    # --- launches -----------------------------------------------------------------------------

    def launch(self, **request: Any) -> str:
        """Post a launch; return its id."""
        return str(self.ask("POST", "/gpu-containers/launches", request)["id"])

    def get_launch(self, launch_id: str) -> Any:
        """Return a launch as it is now."""
        return self.ask("GET", f"/gpu-containers/launches/{launch_id}")

    def reached(self, launch_id: str, *phases: str) -> Any:
        """Wait until a launch is in one of these phases; return it."""

        def look() -> Any:
            launch = self.get_launch(launch_id)
            assert launch["phase"] in phases or launch["phase"] not in ("failed", "cancelled"), (
                launch
            )
            return launch if launch["phase"] in phases else None

        return self.until(look)

    def cancel(self, launch_id: str) -> None:
        """Delete a launch; what it had is gone when this returns."""
        assert self.request("DELETE", f"/gpu-containers/launches/{launch_id}").status_code == 204

    # --- what stock Jupyter does --------------------------------------------------------------

    def session(self, name: str, path: str = "n.ipynb") -> Any:
        """Open a notebook with a kernel of a kernelspec, as the stock kernel picker does."""
        body = {"path": path, "name": path, "type": "notebook", "kernel": {"name": name}}
        return self.ask("POST", "/api/sessions", body)

    def kernels(self) -> list[str]:
        """Return the ids of the server's kernels."""
        return [kernel["id"] for kernel in self.ask("GET", "/api/kernels")]

    def connect(self, kernel_id: str, session_id: str = "") -> Page:
        """Connect to a kernel's channels, as a page does; with the id of an earlier connection."""
        page = Page(self, kernel_id, session_id)
        self._pages.append(page)
        return page

    def last_said(self) -> str:
        """Return the end of the server's log: why, where an answer does not say it."""
        return self.log.read_text(errors="replace")[-LAST:]

    def restart(self, page: Page, kernel_id: str) -> Page:
        """Restart a kernel and connect anew, as JupyterLab does; return the new connection.

        Through an old one what the new kernel says first may be lost: nothing tells the server
        that its subscription has reached it.
        """
        self.ask("POST", f"/api/kernels/{kernel_id}/restart")
        page.close()
        return self.connect(kernel_id)

    def close_pages(self) -> None:
        """Close the connections that a test left open."""
        while self._pages:
            self._pages.pop().close()

    # --- its end ------------------------------------------------------------------------------

    def terminate(self, timeout: float = 20.0) -> int:
        """Send SIGTERM and return the exit status; the test fails when it does not end."""
        ask_to_end(self.process, self.log, timeout / 2)
        return self.wait(timeout / 2)

    def kill(self) -> None:
        """End it without giving it a chance."""
        self.process.kill()
        self.wait(10)

    def wait(self, timeout: float) -> int:
        """Wait for its end."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(self.log.read_text()) from None
        finally:
            self.close_pages()
            self.http.close()


class Page:
    """One connection of a browser's page to a kernel."""

    def __init__(self, server: Server, kernel_id: str, session_id: str = "") -> None:
        url = server.url.replace("http", "ws") + f"/api/kernels/{kernel_id}/channels"
        if session_id:
            url += f"?session_id={session_id}"
        self._socket = websocket.create_connection(
            url, header={"Authorization": f"token {server.token}"}, timeout=PATIENCE
        )
        self._session = uuid.uuid4().hex

    def send(self, code: str) -> str:
        """Send a cell; return the message's id."""
        message_id = uuid.uuid4().hex
        header = {
            "msg_id": message_id,
            "msg_type": "execute_request",
            "username": "",
            "session": self._session,
            "version": "5.3",
            "date": "2026-01-01T00:00:00Z",
        }
        content = {"code": code, "silent": False, "allow_stdin": False, "stop_on_error": False}
        rest = {"parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps({"header": header, **rest}))
        return message_id

    def answer(self, message_id: str) -> str:
        """Return what a cell printed, when it has ended."""
        text, idle, replied = "", False, False
        deadline = time.monotonic() + PATIENCE
        while not (idle and replied):
            message = self._message(deadline)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                text += content["text"]
            elif message["msg_type"] == "error":
                text += f"{content['ename']}: {content['evalue']}"
            idle = idle or content.get("execution_state") == "idle"
            replied = replied or message["msg_type"] == "execute_reply"
        return text.strip()

    def run(self, code: str) -> str:
        """Run a cell."""
        return self.answer(self.send(code))

    def until_state(self, state: str) -> None:
        """Wait until the server tells this execution state of the kernel."""
        deadline = time.monotonic() + PATIENCE
        while self._message(deadline)["content"].get("execution_state") != state:
            pass

    def until_printed(self, text: str) -> None:
        """Wait until the kernel has printed this line."""
        deadline = time.monotonic() + PATIENCE
        while self._message(deadline)["content"].get("text", "").strip() != text:
            pass

    def _message(self, deadline: float) -> Any:
        """Return the next message; the server's pings alone do not keep a test waiting."""
        while time.monotonic() < deadline:
            opcode, data = self._socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_TEXT:
                return json.loads(data)
            assert opcode != websocket.ABNF.OPCODE_CLOSE, data
        raise AssertionError("The kernel did not answer the page.")

    def closed(self) -> int:
        """Wait until the server closes the connection; return the code it gives."""
        while True:
            opcode, data = self._socket.recv_data()
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                self._socket.shutdown()
                return int.from_bytes(data[:2], "big")

    def close(self) -> None:
        """Close the page."""
        self._socket.close()
