"""POP3 (RFC 1939) over the same mail as IMAP: INBOX, as it was at the login.

`session` is the connection; `authorization` and `transaction` are the commands of its
two states; a `maildrop` is what one client sees; `content` makes lines of octets.
"""
