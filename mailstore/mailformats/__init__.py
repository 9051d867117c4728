"""Mail as other programs keep it: single files, mbox, Maildir++.

Reading gives `Found` messages one by one, writing takes them; both know files and
nothing of the store. Line ends become CRLF, as IMAP wants them, when mail is read.
"""

from mailstore.mailformats.detect import messages
from mailstore.mailformats.found import Found, Skipped

__all__ = ["Found", "Skipped", "messages"]
