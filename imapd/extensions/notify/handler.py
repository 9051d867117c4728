"""What the command NOTIFY does (RFC 5465 §3.1)."""

from __future__ import annotations

from imapd.extensions.notify.interests import Interests, check
from imapd.extensions.notify.syntax import Notify
from imapd.extensions.notify.watch import NotifyWatch
from imapd.session.context import Context
from imapd.session.faults import No
from imapd.session.fetch_attribute import asked_for
from imapd.session.names import uses_utf8
from imapd.session.registry import Completed
from imapd.session.watching import Moment
from mailstore.errors import TooMany
from mailstore.service import MAX_FOLLOWED


async def run(context: Context, node: Notify) -> Completed:
    """Replace what the client is told; a refusal leaves all as it was.

    Raises `Bad` and `No` for what cannot be asked for, `No` NOTIFICATIONOVERFLOW for
    mailboxes of too many others.
    """
    more = {k: v for news in context.registry.news for k, v in news.events.items()}
    of_messages = context.registry.message_events
    check(node, context.services.limits().fetch_items, more, of_messages)
    selected = context.session.selected
    before = context.session.watch
    if node.groups and before is not None:
        # What was wanted until now is due of all that happened until now: items of new
        # messages, for example, which nobody would tell any more.
        await before.tell(context, Moment.END, with_uid=False)
    if node.groups and selected is not None:
        # §3.1: a NOOP is implied, whatever was wanted until now.
        await selected.view.tell(context.reply, removals=True, with_uid=False)
    interests = Interests(node, utf8=uses_utf8(context), of_messages=of_messages)
    if interests.selected is not None:
        asked_for(context, interests.selected.items)
    about = interests.concern if interests.everywhere else None
    follower = context.account.follow(context.input.wake, about)
    watch = NotifyWatch(interests, follower, context.input.wake)
    try:
        former = before if isinstance(before, NotifyWatch) else None
        await watch.begin(context, former, with_counts=node.status)
    except TooMany as error:
        watch.end()
        # §3.1: too expensive.
        most = f"{MAX_FOLLOWED} accounts at most can be followed"
        raise No(most, "NOTIFICATIONOVERFLOW") from error
    except BaseException:
        watch.end()
        raise
    context.session.watch = watch
    if before is not None:
        before.end()
    follower.act()
    return Completed("NOTIFY completed")
