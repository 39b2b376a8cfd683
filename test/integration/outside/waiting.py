"""Waiting for events: always with a deadline, never for a fixed time."""

import time

LOOK_S = 0.02


class TooLate(AssertionError):
    """Something that had to happen did not, in time."""


class NotNow(OSError):
    """The system is busy or recovering: it is asked again, as the contract says."""


def served(answer):
    """The answer, if it is one. An OSError, so "not yet" to `until`, if it is a 503."""
    if answer.status == 503:
        raise NotNow(f"{answer}")
    assert answer.status == 200, answer
    return answer


def now_us():
    """CLOCK_MONOTONIC, the clock of minishop-load's log."""
    return time.monotonic_ns() // 1000


def until(what, deadline_s, condition, look_s=LOOK_S):
    """Calls `condition` until it returns something true, and returns that. An OSError counts as "not yet"."""
    end = time.monotonic() + deadline_s
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except OSError as error:
            last = error
        if time.monotonic() > end:
            raise TooLate(f"not within {deadline_s} s: {what} (last: {last!r})")
        time.sleep(look_s)
