"""Time that can be scaled, and waits that an interrupt ends."""

import threading


class Clock:
    """Waits for the prompt worker. speed: 1 as on the simulated card, 10 ten times faster, 0 no waiting at all."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._interrupt = threading.Event()

    def wait(self, seconds: float) -> None:
        """Let `seconds` of simulated time pass; returns early when an interrupt is asked for."""
        if self._speed > 0:
            self._interrupt.wait(seconds / self._speed)

    def pause(self, seconds: float) -> None:
        """Wait `seconds` of real time, so that an endless loop does not flood its listeners."""
        self._interrupt.wait(seconds)

    def interrupt(self) -> None:
        """Ask the running prompt to stop at its next node or progress tick."""
        self._interrupt.set()

    def take_interrupt(self) -> bool:
        """Whether a stop was asked for; asking is answered once."""
        if self._interrupt.is_set():
            self._interrupt.clear()
            return True
        return False
