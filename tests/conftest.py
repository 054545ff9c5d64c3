"""What holds for every test."""

import gc
import signal
import socket
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

_HERE = ("localhost", "::1", "0.0.0.0", "::", "", "test", "testserver")  # names of this machine; None and 127.… too
_asked_elsewhere: list[str] = []
_loops_made: list[str] = []  # in the module of tests that runs

settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note every look-up of another machine's name, every connection to one, and every event loop: it talks to itself through a socket."""
    if event == "socket.__new__" and arguments[1] == socket.AF_UNIX:
        _loops_made[:] = [event]
    if event == "socket.getaddrinfo":
        host: object = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name not in (*_HERE, socket.gethostname()) and not name.startswith("127."):
        _asked_elsewhere.append(name)


sys.addaudithook(_watch)


@pytest.fixture(autouse=True)
def nothing_leaves_this_machine() -> Iterator[None]:
    """No test asks anything of another machine: private by default, and proved by all that is tested."""
    _asked_elsewhere.clear()
    yield
    assert _asked_elsewhere == []


@pytest.fixture(scope="module", autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """A server, client or event loop that a module leaves open is told of there, not in whatever test the garbage is collected in."""
    _loops_made.clear()
    yield
    if _loops_made:
        gc.collect()  # warns of what is open still, and a warning is an error; a second where much is loaded, so not after every module


@pytest.fixture
def ends() -> Iterator[None]:
    """Ends a test that computes for a minute on and on: what takes less than a second where it is done right."""

    def give_up(*_: object) -> None:
        pytest.fail("It computes on and on.")

    before = signal.signal(signal.SIGVTALRM, give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, 60)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard() -> Iterator[None]:
    """Programs that tests start hear Ctrl-C, also where a shell runs the tests in the background and so has them all ignore it."""
    before = signal.getsignal(signal.SIGINT)
    if before == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
