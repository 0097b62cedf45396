"""`heylookllm` that ends when its standard input is closed, so that no test runner leaves a server behind."""

import os
import signal
import sys
import threading

from heylook_core.cli import main


def follow_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=follow_parent, daemon=True).start()
    sys.argv[0] = "heylookllm"
    main()
