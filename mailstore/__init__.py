"""The mail store: mailboxes, messages, flags and accounts, durable and concurrent.

It knows UIDs, mod-sequences and predicates. It must not know sequence numbers,
command tags, response text or sockets; it never imports ``imapd`` or Twisted.
"""
