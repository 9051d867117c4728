"""Compiled patterns, named exactly like the rules of RFC 3501 §9.

They match bytes at an offset (`Pattern.match(text, at)`) and anchor nothing.
"""

from __future__ import annotations

import re

atom = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
astring_atom = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
# astring-chars without "+".
tag = re.compile(rb"[!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
list_mailbox = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
list_mailbox_utf8 = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~\x80-\xff]+")
# TEXT-CHAR without DQUOTE and backslash, or an escaped one of these two.
quoted = re.compile(
    rb'"([^\x00\r\n"\\\x80-\xff]*(?:\\["\\][^\x00\r\n"\\\x80-\xff]*)*)"'
)
# RFC 6855 §3: UTF-8 is permitted too; the octets are checked apart.
quoted_utf8 = re.compile(rb'"([^\x00\r\n"\\]*(?:\\["\\][^\x00\r\n"\\]*)*)"')
literal = re.compile(rb"(~?)\{([0-9]{1,20})(\+?)\}\r\n")
# Twenty digits hold every number of 64 bits; more are never converted.
number = re.compile(rb"[0-9]{1,20}")
nz_number = re.compile(rb"[1-9][0-9]{0,19}")
date_text = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
date_time = re.compile(
    rb'"([ 0-9]?[0-9])-([A-Za-z]{3})-([0-9]{4}) '
    rb'([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
# One or more of seq-number / seq-range, with "*".
sequence_set = re.compile(rb"[0-9*][0-9*:,]*")
section_part = re.compile(rb"[0-9]{1,20}(?:\.[0-9]{1,20})*")
base64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
