"""The program's entry: `clone-agent`, and `python -m ui`. It imports nothing before it can be interrupted."""

import sys


def main() -> None:
    """Run `clone-agent`; Ctrl-C ends it without a traceback even while its parts are still being imported."""
    try:
        from ui.cli import main as command_line

        command_line()
    except KeyboardInterrupt:  # the commands answer theirs themselves (`ui.options.CloneGroup`)
        sys.stderr.write("\nInterrupted.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
