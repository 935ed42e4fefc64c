"""Keeps a container while its kernel is restarted. Runs inside, by any Python since 3.6.

The container's process is this one, with nothing imported; its child is the kernel. The container
ends with the kernel, and in the same way: by the same exit code or signal. But where a restart was
ordered, by a named pipe in the run directory, the next kernel is begun at once, in a fork of this
interpreter, which has never run anybody's code: it imports what a kernel needs while the last one
still ends, and goes on when it is told to. Between the two nothing may be left that a new start of
the container would not have left, either. Whatever is not as expected, the container ends, and is
started anew from outside. So it does where somebody is in the container who came from outside, by a
terminal for instance: who is killed there shall learn of it by the end of the container.

Modules that are to be imported ahead (`preload.py`) are imported before the first kernel is begun,
and every kernel finds them.

That order holds as long as the pipe is open: it ends with the server that gave it. By the same pipe
a signal for the kernel comes sooner than by the engine.
"""

import os
import select
import signal
import sys
import types

TYPE_CHECKING = False  # what `typing` has is True for type checkers; here it is not imported
if TYPE_CHECKING:
    import typing

CONNECTION_FILE = "connection.json"
ORDERS_FILE = "orders"  # a named pipe, from the server
ANSWERS_FILE = "answers"  # a named pipe, to the server
MODULES_FILE = "modules.json"  # what to import ahead
HANDOVER_FILE = "handover.json"  # there when the container is started again: nothing is then
LONGEST = 100  # bytes of an order
# the others are for the kernel; init passes the second half to nobody
OURS = {
    *(signal.SIGCHLD, signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ),
    *(signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT),
    *(signal.SIGTRAP, signal.SIGSYS, signal.SIGTTIN, signal.SIGTTOU),
}


def run_folder(arguments: "list[str]") -> str:
    """Return the folder of the connection file that is among a kernel's arguments, or ""."""
    for argument in arguments:
        path = argument.rpartition("=")[2]
        if os.path.basename(path) == CONNECTION_FILE:
            return os.path.dirname(path)
    return ""


def _signals() -> "set[int]":
    if hasattr(signal, "valid_signals"):  # Python 3.8
        return {int(number) for number in signal.valid_signals()}
    return set(range(1, 32)) | set(range(signal.SIGRTMIN, signal.SIGRTMAX + 1))


class Keeper:
    """The container's process: runs one kernel after the other.

    Parameters
    ----------
    folder : str
        The run directory.
    traces : module
        `traces.py`.
    """

    def __init__(self, folder: str, traces: "types.ModuleType") -> None:
        self._folder = folder
        self._traces = traces
        self._was = {number: signal.getsignal(number) for number in _signals() - OURS}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
        self._streams = [os.get_blocking(number) for number in range(3)]
        self._container = traces.Container()
        self._kernel = 0  # process ids; 0 = none
        self._next = 0  # the one that will be the kernel
        self._go = -1  # where it waits
        self._status = None  # type: int | None  # of the kernel that has ended
        self._ordered = False
        self._orders, self._answers = -1, -1
        self._heard = b""
        self._wake, self._woken = os.pipe()  # tells of signals
        for descriptor in (self._wake, self._woken):
            os.set_blocking(descriptor, False)
        self._open()

    def keep(self) -> "int | None":
        """Run kernels; returns in each of them alone: where the kernel is to wait, if it is."""
        signal.set_wakeup_fd(self._woken)
        for number in (*self._was, signal.SIGCHLD):
            signal.signal(number, lambda number, frame: None)
        self._kernel = self._fork()
        if not self._kernel:
            return None
        while True:
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            poll.register(self._orders, select.POLLIN)
            ready = dict(poll.poll())
            if self._wake in ready:
                self._pass_on()
            if self._orders in ready and self._listen():
                return self._go  # in a child

    # --- processes ----------------------------------------------------------------------------

    def _fork(self) -> int:
        """Begin a process as Python itself would have begun; 0 in it."""
        for number, blocking in enumerate(self._streams):  # a kernel may have changed its own
            os.set_blocking(number, blocking)
        signal.pthread_sigmask(signal.SIG_BLOCK, _signals())
        process = os.fork()
        if process:
            self._lead(process)
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            return process
        self._lead(0)
        signal.set_wakeup_fd(-1)
        for number, handler in self._was.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in (self._wake, self._woken, self._orders, self._answers):
            if descriptor >= 0:
                os.close(descriptor)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
        return 0

    @staticmethod
    def _lead(process: int) -> None:
        """Make a process the first of a group, as an init does: so the kernel's are signalled."""
        try:
            os.setpgid(process, process)
        except OSError:  # it has ended
            return

    def _pass_on(self) -> None:
        try:
            numbers = os.read(self._wake, 1000)
        except BlockingIOError:
            return
        for number in numbers:
            if number == signal.SIGTERM and not self._kernel:
                self._end()
            if number != signal.SIGCHLD and self._kernel:
                self._signal(number)
        self._reap()

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._kernel, number)
        except OSError:  # it has ended
            return

    def _reap(self) -> None:
        while self._kernel or self._next:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            if process == self._next:
                self._leave_next()
            elif process == self._kernel:
                self._kernel, self._status = 0, status
                if not self._ordered or not self._clear():
                    self._end()
                self._answer(b"ended %d\n" % _exit_code(status))

    def _clear(self) -> bool:
        spared = {os.getpid(), self._next}
        return not self._traces.has_visitors() and self._container.clear(spared)

    def _end(self) -> None:
        """End as the kernel did: so the container does."""
        status = self._status or 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            self._tell_why(number)
            try:
                import resource

                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                signal.signal(number, signal.SIG_DFL)
            except (OSError, ValueError, ImportError):
                pass  # SIGKILL has no handler
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.kill(os.getpid(), number)
        os._exit(_exit_code(status))

    def _tell_why(self, number: int) -> None:
        """Write into the container's log what nobody can see after its end: a full /dev/shm."""
        folder = self._traces.SHARED_MEMORY
        try:
            if number == signal.SIGBUS and not os.statvfs(folder).f_bavail:
                os.write(2, f"{folder} is full\n".encode())
        except OSError:
            pass  # there is none, or nobody reads the log

    # --- orders -------------------------------------------------------------------------------

    def _open(self) -> None:
        """Wait for the next one to give orders: only a pipe that is new tells of its end."""
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        orders = os.open(os.path.join(self._folder, ORDERS_FILE), flags)
        if self._orders >= 0:  # only now: somebody always reads what is written meanwhile
            os.close(self._orders)
        self._orders, self._heard = orders, b""

    def _listen(self) -> bool:
        """Do what is ordered; True in a process that is begun for it."""
        try:
            data = os.read(self._orders, 1000)
        except BlockingIOError:
            return False
        if not data:
            self._hung_up()
            return False
        *lines, self._heard = (self._heard + data)[-LONGEST:].split(b"\n")
        for line in lines:
            words = line.split()
            if words[:1] == [b"restart"] and not self._ordered and self._kernel:
                self._ordered = not self._traces.has_visitors()
                if self._ordered and words[1:] == [b"ahead"] and self._prepare():
                    return True
            elif words[:1] == [b"signal"] and words[-1].isdigit() and self._kernel:
                self._signal(int(words[-1]))
            elif words == [b"kill"] and self._kernel:
                self._kill(-self._kernel)
            elif words == [b"go"] and self._ordered and not self._kernel:
                if not self._next and self._prepare():
                    return True
                if not self._next:
                    self._end()
                os.write(1, b"The kernel was restarted.\n")  # for who follows the log
                os.write(self._go, b"\n")
                os.close(self._go)
                self._kernel, self._next, self._go = self._next, 0, -1
                self._ordered, self._status = False, None
                self._answer(b"started\n")
        return False

    def _prepare(self) -> bool:
        """Begin what will be the kernel; True in it."""
        try:
            wait, go = os.pipe()
        except OSError:
            return False
        try:
            process = self._fork()
        except OSError:  # no more processes are allowed: there will be, or the container ends
            signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
            os.close(go)
            process = -1
        if process == 0:
            os.close(go)
            self._go = wait
            return True
        os.close(wait)
        if process > 0:
            self._next, self._go = process, go
        return False

    def _leave_next(self) -> None:
        if self._next:
            os.close(self._go)
            self._next, self._go = 0, -1

    def _hung_up(self) -> None:
        """Be as if nothing had been ordered."""
        if not self._kernel:
            self._end()
        if self._next:
            self._kill(self._next)
            os.waitpid(self._next, 0)
            self._leave_next()
        self._ordered = False
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1
        try:
            self._open()
        except OSError:  # the kernel has removed it: nobody can order anything any more
            os.close(self._orders)
            self._orders = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    @staticmethod
    def _kill(process: int) -> None:
        try:
            os.kill(process, signal.SIGKILL)
        except OSError:  # it has ended
            return

    def _answer(self, line: bytes) -> None:
        try:
            if self._answers < 0:
                flags = os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC
                self._answers = os.open(os.path.join(self._folder, ANSWERS_FILE), flags)
            os.write(self._answers, line)
        except OSError:  # nobody listens: the end of the orders' pipe tells
            return


def _exit_code(status: int) -> int:
    """Return an exit code as a shell says it."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def keep(arguments: "list[str]", kernel: "typing.Callable[[], types.ModuleType]") -> "int | None":
    """Be a container's keeper, where one is wanted; returns where a kernel is to be started.

    Returns where it waits before it makes its sockets (see `wait`), or None: it does not.

    Parameters
    ----------
    arguments : list of str
        The kernel's; one of them names its connection file.
    kernel : callable
        Returns `quick_start.py`; what that imports can be imported then.
    """
    folder = run_folder(arguments)
    if not folder or not os.path.exists(os.path.join(folder, ORDERS_FILE)):
        return None
    here = os.path.dirname(os.path.realpath(__file__))
    modules = os.path.join(folder, MODULES_FILE)
    is_first = not os.path.exists(os.path.join(folder, HANDOVER_FILE))
    ahead = load(here, "preload") if is_first and os.path.exists(modules) else None
    try:
        traces = load(here, "traces")
        if not traces.is_new() or (ahead and not ahead.preload(kernel(), modules)):
            return None
        keeper = Keeper(folder, traces)
    except (OSError, AttributeError):  # no /proc, or not Linux's
        return None
    descriptor = keeper.keep()
    if ahead:
        ahead.begin()
    return descriptor


def wait(descriptor: "int | None") -> None:
    """Wait until a kernel may go on; ends this process where it never may."""
    if descriptor is None:
        return
    told = os.read(descriptor, 1)
    os.close(descriptor)
    if not told:
        os._exit(0)


def load(folder: str, name: str) -> "types.ModuleType":
    """Import a file that lies beside this one; without `importlib.util`, which imports a lot."""
    from importlib.machinery import SourceFileLoader

    loader = SourceFileLoader("jupyter_gpu_containers_" + name, os.path.join(folder, name + ".py"))
    module = types.ModuleType(loader.name)
    module.__file__ = loader.path
    loader.exec_module(module)
    return module


def main() -> None:
    """Start the kernel of the image, under a keeper where one is wanted."""
    here = os.path.dirname(os.path.realpath(__file__))
    descriptor = keep(sys.argv[1:], lambda: load(here, "quick_start"))
    load(here, "quick_start").main(lambda: wait(descriptor))
