"""Doors beside IMAP, as sessions without sockets: LMTP and SMTP.

They know their protocols and the store's public names, and no event loop.
"""
