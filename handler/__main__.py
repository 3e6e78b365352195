"""The entry point, `python -m handler` or, where the package is installed, `obi`."""

import gc
import os
import signal
import sys
from typing import NoReturn

STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM]


def interrupt(number: int, _frame: object) -> None:
    """End the run at the first signal, and ignore later ones, which would interrupt the last lines of the log."""
    for each in STOP_SIGNALS:
        signal.signal(each, lambda *_: None)  # SIG_IGN would be inherited by a credential_process
    raise KeyboardInterrupt(number)


def run() -> NoReturn:
    """Run the command line, and end the process with its exit code."""
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        STOP_SIGNALS.append(signal.SIGHUP)  # the terminal was closed; `nohup` ignores it, so that the run goes on
    gc.disable()  # until a command is ready: see sampler.resume_garbage_collection
    arguments = sys.argv[1:]
    try:
        for number in STOP_SIGNALS:  # SIGINT even if it is ignored: a script's background jobs start so
            signal.signal(number, interrupt)
        # where a standard stream is closed, no socket may take its number
        while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(spare)

        from .cli import main, streams

        streams.guard_stderr()
        code = main.main(arguments)
    except KeyboardInterrupt as caught:
        from .cli.main import COMMANDS

        number = caught.args[0] if caught.args else signal.SIGINT
        code = 128 + number if arguments and arguments[0] in COMMANDS else 0  # sampling usually ends like this
    os._exit(code)  # everything is printed: do not wait for fetches under way, nor for the interpreter's clean-up


if __name__ == "__main__":
    run()
