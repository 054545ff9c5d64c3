"""Runs commands of clone-agent where there is no network, and counts whatever tries to reach another machine.

    python benchmarks/offline.py                              the whole demo, whose page is asked a question at the end
    python benchmarks/offline.py "import FILE" "index" "chat"      these commands, on one data home

On Linux everything runs in a network namespace of its own (`unshare -rn`), where the kernel counts every packet that finds no way out,
whatever code sent it. There and elsewhere Python's audit hook notes each look-up of another machine's name and each connection to one.
The commands' home, their `HOME` and their folder for temporary files are new; what they leave outside the data home is counted too.
Exits with 1 when a command failed, when anything was counted, or when the page did not answer.
"""

import argparse
import fcntl
import json
import os
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ui.guest_test.visitor import Visitor

QUESTION = "最近怎么样"
LOCAL = ("localhost", "::1", "0.0.0.0", "::", "")
PAGES = ("chat", "demo")  # commands that serve the page until they are ended
ELSEWHERE = ("192.0.2.1", 9)  # an address of documentation (RFC 5737); connecting by UDP sends nothing
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_ANSWER_WITHIN_S = 1_800  # the whole demo on a busy machine

asked: list[str] = []  # other machines by name or address


def isolated(arguments: list[str]) -> list[str]:
    """The command that runs this script again without a network, where the system allows that."""
    here = [sys.executable, __file__, *arguments]
    allowed = shutil.which("unshare") and subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0
    return ["unshare", "-rn", *here, "--inside", "namespace"] if allowed else [*here, "--inside", "process"]


def raise_loopback() -> None:
    """A new namespace has a loopback device that is switched off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        named = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, named))[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", flags | _IFF_UP, b""))


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note other machines that are looked up or connected to."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name not in (*LOCAL, socket.gethostname()) and not name.startswith("127."):
        asked.append(name)


def without_a_way() -> int:
    """Packets of this namespace that found no way out."""
    heads, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Ip:"))
    sixth = (line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
    return int(dict(zip(heads, values, strict=True))["OutNoRoutes"]) + sum(int(value) for name, value in sixth if name == "Ip6OutNoRoutes")


def knock() -> None:
    """What must be counted: an attempt to reach another machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        try:
            outward.connect(ELSEWHERE)
        except OSError:
            return


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def ask_page(visitor: "Visitor") -> list[str]:
    """Ask the owner's page as its own script does; the finished events of the answer."""
    events = visitor.say(QUESTION, True)  # with memory
    return [one["msg"] for one in events if one.get("msg") == "process_completed" and one["success"]]


def visit(port: int, found: list[str]) -> None:
    """Wait for the page, ask it a question as its own script does, and end it."""
    import httpx

    from ui.guest_test.visitor import Visitor

    url, end = f"http://127.0.0.1:{port}", time.monotonic() + _ANSWER_WITHIN_S
    try:
        while time.monotonic() < end:
            try:
                if httpx.get(url, trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        with Visitor(url) as visitor:
            found += ask_page(visitor)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def run(line: str, home: Path) -> tuple[int, bool]:
    """Run a command; its exit code, and whether it answered if it serves a page."""
    from ui.cli import main

    words = [*shlex.split(line), "--home", str(home)]
    is_page = words[0] in PAGES and not {"--no-serve", "--terminal"} & set(words)
    found: list[str] = []
    if is_page:
        port = free_port()
        words += ["--port", str(port)]
        visitor = threading.Thread(target=visit, args=(port, found))
        visitor.start()
    try:
        main(words)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    if is_page:
        visitor.join()
    return code, bool(found) or not is_page


def inside(namespace: bool, lines: list[str], folder: Path) -> bool:
    """Run the commands and say what was counted; whether all is well."""
    for name in ("HOME", "TMPDIR"):
        (folder / name).mkdir()
        os.environ[name] = str(folder / name)
    tempfile.tempdir = None
    for name in [name for name in os.environ if name.startswith(("XDG_", "HF_"))]:
        del os.environ[name]
    sys.addaudithook(watch)
    knock()
    if not asked or (namespace and not without_a_way()):
        print("The count counts nothing here.")
        return False
    asked.clear()
    before = without_a_way() if namespace else 0
    ended = {line.split()[0]: run(line, folder / "home") for line in lines}
    packets = without_a_way() - before if namespace else None
    outside = [path for name in ("HOME", "TMPDIR") for path in (folder / name).rglob("*") if path.is_file()]
    told = {
        "commands": {name: code for name, (code, _) in ended.items()},
        "page_answered": all(answered for _, answered in ended.values()),
        "reached_out": len(asked),
        "packets_without_a_way": packets,
        "files_outside_the_home": len(outside),
    }
    print(json.dumps(told))
    for what in (*sorted(set(asked)), *(str(path.relative_to(folder)) for path in outside)):
        print(what, file=sys.stderr)
    return not (asked or packets or outside or any(code for code, _ in ended.values())) and all(answered for _, answered in ended.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", default=["demo"], help="commands of clone-agent, each as one word")
    parser.add_argument("--inside", choices=("namespace", "process"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside is None:
        sys.exit(subprocess.run(isolated(sys.argv[1:]), check=False).returncode)
    if options.inside == "namespace":
        raise_loopback()
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(not inside(options.inside == "namespace", options.commands, Path(folder)))


if __name__ == "__main__":
    main()
