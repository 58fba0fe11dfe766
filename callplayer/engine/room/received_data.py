"""A data message as it came: decoded once, where its statuses are asked for first."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property

from callplayer.vendor.status import StatusUpdate, read_status_updates
from callplayer.vendor.values import WireError

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReceivedData:
    """`sender` is a participant's identity, "" for one that the SDK cannot name."""

    sender: str
    payload: bytes

    @cached_property
    def statuses(self) -> tuple[StatusUpdate, ...]:
        """The statuses in the message, in its order; none if it is something else, or too long."""
        try:
            return tuple(read_status_updates(self.payload))
        except WireError as error:
            LOG.info("a data message was ignored: %s", error)
            return ()
