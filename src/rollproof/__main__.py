"""The `rollproof` command, and `python -m rollproof`.

`verify` goes its own way in: whoever checks a bundle waits for none of what runs drills.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point: Ctrl-C ends with 130 and no traceback."""
    try:
        if sys.argv[1:2] == ["verify"]:
            from rollproof.cli_verify import verify_command

            verify_command(sys.argv[2:])
        else:
            from rollproof.cli import app

            app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
