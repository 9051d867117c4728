"""SEARCH: which messages of a mailbox a predicate matches, exactly.

`planes` decides by the columns in memory, `texts` by what a message says, `evaluate`
puts a predicate's terms together, the cheap ones first.
"""
