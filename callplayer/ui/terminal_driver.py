"""Textual's driver, made to leave nothing of the screen on the terminal."""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver

ERASE = "\x1b[0m\x1b[2J"
"""Plain attributes first: a terminal erases in the colours that are set."""


class TerminalDriver(LinuxDriver):
    """Erases the alternate screen before it is left: at the end, on a crash, on a suspend.

    Some terminals, tmux 3.3a among them, reflow what stood there onto the main screen and into its
    scrollback when the window was made wider meanwhile.
    """

    def stop_application_mode(self) -> None:
        """Erase, then give the terminal back."""
        self.write(ERASE)
        super().stop_application_mode()

    def abandon(self) -> None:
        """Give the terminal back while the application hangs; from any thread."""
        self._disable_mouse_support()
        self.stop_application_mode()
        self.close()

    def suspend_application_mode(self) -> None:
        """Give the terminal back, and write there how to come back."""
        super().suspend_application_mode()
        if self._file is not None:
            self._file.write(f"{getattr(self._app, 'SUSPENDED', '')}\n")
            self._file.flush()
