"""What a message is made of: offsets, headers, and wire-ready descriptions.

It reads bytes and gives values; it must not know the store, a session or a socket.
"""
