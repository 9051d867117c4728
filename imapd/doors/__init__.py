"""Doors beside IMAP, as sessions without sockets.

They know their protocols and the store's public names, and no event loop.
"""
