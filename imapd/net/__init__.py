"""The edge to Twisted: sockets, TLS, threads and processes.

The only package that imports Twisted. It moves bytes between sockets and
`imapd.session.connection`, and knows no command.
"""
