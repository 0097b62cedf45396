"""`heylookllm` that ends when its standard input is closed, so that no test runner leaves a server behind."""

import os
import signal
import sys
import threading

from heylook_core.cli import main


def follow_parent() -> None:
    while os.read(0, 4096):  # not sys.stdin, whose lock a daemon thread would hold at the interpreter's end
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    threading.Thread(target=follow_parent, daemon=True).start()
    sys.argv[0] = "heylookllm"
    main()
