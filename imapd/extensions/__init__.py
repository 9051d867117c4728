"""Later RFCs and capabilities, one module each, plugged in by their ``FEATURE``.

To add one: write ``extensions/<name>.py``, add a line to `imapd.features`, and a
test module. No existing command module learns its name.
"""
