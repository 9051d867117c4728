"""imapd: a mail access server.

The packages, from the wire inwards: `imapd.wire` frames and reads bytes,
`imapd.syntax` holds values that commands share, `imapd.commands` and
`imapd.extensions` are the specification, `imapd.session` is one connection's life,
`imapd.auth` proves who somebody is, `imapd.net` is the edge to Twisted.
"""

__version__ = "0.1.0"
