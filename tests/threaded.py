"""Calls in threads of Python that begin at once, and a fit that waits for others."""

import threading

import fastmlp as fm


class Pause(fm.Callback):
    """Holds a fit in its first epoch until it is told to go on."""

    def __init__(self):
        self.there, self.go = threading.Event(), threading.Event()

    def on_epoch_end(self, model, epoch, logs):
        self.there.set()
        assert self.go.wait(60)


def run_together(calls):
    """Run functions in threads that begin at once; return, or raise, what they do."""
    start, failed, results = threading.Barrier(len(calls)), [], [None] * len(calls)

    def run(i):
        start.wait()
        try:
            results[i] = calls[i]()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return results
