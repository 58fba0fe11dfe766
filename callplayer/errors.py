"""What can go wrong, as the user meets it: what happened, what to do, an exit code.

CallplayerError (1)
├── UsageError (2)            a flag, a file or a setting is wrong
├── SignInRefusedError (3)    the credentials, or what they may do, were refused
│   └── StreamTokenRefusedError (3)  by the room server: the API's word may have been late
├── IncidentNotFoundError (4) no incident of that id
├── UnreachableError (5)      the network or a server does not answer
│   └── NotReadyError (5)     it answers, and asks for patience: what is wanted may come yet
├── SoundDeviceError (6)      no usable sound device
│   └── SoundDeviceHangsError (6)  it does not come back: a new process may do better
│       └── SoundSystemGoneError (6)   its server has ended: a new process can play on
└── ServiceError (1)          the replay service cannot start or go on
    ├── TooManyStreamsError (1)    no stream is opened beside those that are open
    ├── DrainingError (1)          it opens no new streams, for it is about to end
    ├── SoundNotReadyError (1)     the sound is still being read or decoded
    └── ParticipantTakenError (1)  another client listens under this participant id
"""

from __future__ import annotations

EXIT_DONE = 0


class CallplayerError(Exception):
    """The base of all errors that a user reads.

    `what` is one line that says what happened, `hint` one line that says what to do; neither may
    hold a secret. `code` is the machine-readable name emitted in headless mode.
    """

    exit_code = 1
    code = "internal"

    def __init__(self, what: str, hint: str = "Run again; the log file says more.") -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


class UsageError(CallplayerError):
    exit_code = 2
    code = "usage"


class SignInRefusedError(CallplayerError):
    exit_code = 3
    code = "sign-in-refused"


class StreamTokenRefusedError(SignInRefusedError):
    """The room server refuses a token that the API has just made."""


class IncidentNotFoundError(CallplayerError):
    exit_code = 4
    code = "no-such-incident"


class UnreachableError(CallplayerError):
    """`retry_after_s` is how long the server asks not to be asked again, 0.0 if it does not say.

    `status` is the HTTP status that it answered with, 0 if none; `may_pass` whether the next try
    may well succeed: it is not wrong settings, nor an answer that will stay.
    """

    exit_code = 5
    code = "unreachable"

    def __init__(
        self,
        what: str,
        hint: str = "Check the network; run again.",
        *,
        retry_after_s: float = 0.0,
        status: int = 0,
        may_pass: bool = False,
    ) -> None:
        super().__init__(what, hint)
        self.retry_after_s = retry_after_s
        self.status = status
        self.may_pass = may_pass


class NotReadyError(UnreachableError):
    """The server answers "not yet": a stream that is being prepared, or too many requests.

    `wanted` is what is waited for, in words that follow "Waiting for".
    """

    def __init__(
        self,
        what: str,
        hint: str = "Try again; if it stays, ask the vendor.",
        *,
        wanted: str = "the server",
        retry_after_s: float = 0.0,
        status: int = 0,
    ) -> None:
        super().__init__(what, hint, retry_after_s=retry_after_s, status=status, may_pass=True)
        self.wanted = wanted


class SoundDeviceError(CallplayerError):
    exit_code = 6
    code = "no-sound-device"


class SoundDeviceHangsError(SoundDeviceError):
    code = "device-hangs"


class SoundSystemGoneError(SoundDeviceHangsError):
    code = "sound-system-gone"


class ServiceError(CallplayerError):
    code = "service"


class TooManyStreamsError(ServiceError):
    """As many streams are open as this service plays at once."""


class DrainingError(ServiceError):
    """The service opens no new streams: it ends when those that are open have."""


class SoundNotReadyError(ServiceError):
    """The sound of a recording is still being read or decoded; that goes on."""


class ParticipantTakenError(ServiceError):
    """Another client has a good token for this participant id of the incident."""
