"""The index of an account: its mailboxes and messages as rows of SQLite.

All SQL about mail stands here, one module per family of rows; every function takes
a `Database` and plain values and knows neither threads nor sessions. Functions that
write run inside a transaction that `mailstore.writer` opened. A further engine is a
further implementation of these functions that passes the store's contract suite.
"""
