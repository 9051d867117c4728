"""One connection's life, without a socket.

It knows states, views, the registry of features and how a command becomes an
answer. It must not know Twisted, SQL, or any single command.
"""
