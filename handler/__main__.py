"""The entry point, `python -m handler`."""

import gc
import os
import signal
import sys


def interrupt(*_: object) -> None:
    """End at the first signal; ignore further ones, so that nothing that is still to be logged is lost."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


STOPPING = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
    STOPPING.append(signal.SIGHUP)  # the terminal was closed; `nohup` ignores it, so that the run goes on
gc.disable()  # until a command is ready: see bootstrap.resume_garbage_collection
try:
    for number in STOPPING:  # SIGINT even if it is ignored: a script's background jobs start so
        signal.signal(number, interrupt)
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:  # a standard stream is closed: no socket may take its number
        pass
    os.close(spare)

    from handler.cli import main, streams

    streams.guard_stderr()
    try:
        code = main.main(sys.argv[1:])
    except Exception as error:
        streams.print_traceback(error)
        code = 1
except KeyboardInterrupt:
    code = 0
os._exit(code)  # everything is printed: do not wait for fetches under way, nor for the interpreter's clean-up
