"""Bytes and terminals: framing, the cursor, encoders. It knows no command."""
