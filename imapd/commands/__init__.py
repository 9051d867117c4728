"""The commands of RFC 3501, one module per command or inseparable pair.

Each module exports one ``FEATURE``; grammar, inverse and handler stand together.
Modules here never import each other: what two of them need is in `imapd.syntax`
or `imapd.session`.
"""
