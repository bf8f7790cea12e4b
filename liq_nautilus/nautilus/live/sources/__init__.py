"""
What venues send, as canonical numbers: one file per venue, none of them knows Nautilus.

A parser returns the records of a message, none for an acknowledgement, and raises `MessageError`
for what it cannot read. It never guesses: a message is taken whole or refused whole.
"""
