"""One message between its first octet and its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from imapd.doors.dots import has_bare
from imapd.doors.paths import write_address
from imapd.doors.replies import BARE, HERE_ALREADY, LOOP, STORED, Answer, of_error
from imapd.session.context import Services
from mailstore.delivery import Delivery, Incoming, Recipient, Result
from mailstore.errors import StoreError


@dataclass(slots=True)
class Receiving:
    """Counts and checks octets on their way to the store.

    ``most`` octets are read at all, however large a message may be: what is too much
    is dropped up to there, so that the client hears why.
    """

    incoming: Incoming
    most: int
    octets: int = 0
    bare: bool = False
    _last: bytes = b""  # a CR at the end of the last chunk

    def write(self, data: bytes) -> bool:
        """Take octets of the message; False when it is far too much."""
        self.octets += len(data)
        self.incoming.write(data)
        return self.octets <= self.most

    def write_chunk(self, data: bytes) -> bool:
        """Take octets of BDAT, looking for a bare CR or LF."""
        seen = self._last + data
        self._last = b"\r" if seen.endswith(b"\r") else b""
        self.bare = self.bare or has_bare(seen[: len(seen) - len(self._last)])
        return self.write(data)

    def end_chunks(self, *, binary: bool) -> None:
        """All chunks are here; a ``binary`` message may have any octets."""
        self.bare = (self.bare or bool(self._last)) and not binary

    def close(self) -> None:
        """Forget the message."""
        self.incoming.close()

    async def deliver(
        self,
        services: Services,
        delivery: Delivery,
        recipients: Sequence[Recipient],
        fields: Callable[[Recipient], bytes],
        *,
        lmtp: bool,
        refuse_over_quota: bool,
    ) -> list[Answer]:
        """Store it; gives an answer for each recipient, or one for all in SMTP."""
        self.incoming.finish()
        count = len(recipients) if lmtp else 1
        try:
            if self.bare:
                return [BARE] * count
            hops = await delivery.hops(self.incoming)
            if hops > services.limits().hops:
                return [LOOP] * count
            results = await delivery.deliver(
                self.incoming, recipients, fields, together=not lmtp
            )
        except StoreError as error:
            _note(services, error)
            return [of_error(error)] * count
        for result in results:
            for failure in result.failures:
                _note(services, failure)
        each = [_answer(result, refuse_over_quota) for result in results]
        return each if lmtp else [_of_all(recipients, each)]


def _note(services: Services, error: StoreError) -> None:
    cause = error.__cause__
    if cause is not None and not isinstance(cause, StoreError | OSError):
        services.log.failure(cause, where="delivery")
    elif of_error(error).transient:
        services.log.event("store", error=str(error))


def _answer(result: Result, refuse_over_quota: bool) -> Answer:
    """Say what became of the message for one recipient, the worst if it is several."""
    failures = [
        of_error(one, refuse_over_quota=refuse_over_quota) for one in result.failures
    ]
    if failures:
        return next((one for one in failures if one.transient), failures[0])
    return STORED if any(one.uid for one in result.done) else HERE_ALREADY


def _of_all(recipients: Sequence[Recipient], each: Sequence[Answer]) -> Answer:
    """Say one thing for all recipients (RFC 5321 §3.3).

    If some may still get it, the client tries again, and those who have it don't get
    it twice.
    """
    waiting = next((one for one in each if one.transient), None)
    if waiting is not None:
        return waiting
    failed = [one for one in each if not one.good]
    if not failed:
        return STORED if STORED in each else HERE_ALREADY
    if len(failed) == len(each):
        return each[0]
    names = [
        write_address(recipient.address)
        for recipient, one in zip(recipients, each, strict=True)
        if not one.good
    ]
    shown = ", ".join(names[:3]) + (" and others" if len(names) > 3 else "")
    return Answer(554, "5.0.0", f"not delivered to {shown}: {failed[0].text}")
