"""`make demo`: a day of the center in a minute, on a real PBX with real SIP calls.

It ends with the day's figures and a comparison of three witnesses, call by call: what the phones saw, the PBX's own
record, Gudok's log. Exit status 0: they agree; 1: they do not, or a day of 45 s or more lacked something of its plot;
2: DEMO_SECONDS, the length of the day, is no number; 130: interrupted.
"""

import os
import signal
import sys

INTERRUPTED = 130
MISTAKE = 2


def main() -> int:
    # Importing takes a second, in which there is nothing yet to take down: leave at once.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    given = os.environ.get("DEMO_SECONDS") or "60"
    if not given.isdecimal() or not int(given):
        print(f"DEMO_SECONDS={given!r} is no number of seconds, such as 60", file=sys.stderr)
        return MISTAKE
    from benchmarks.demo_day import run

    try:
        return run(int(given))
    except KeyboardInterrupt:  # when all has been taken down
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
