"""What the database remembers: the journal, the call log folded from it, the people who work here.

database.py  opening it          tables.py  its shape          migrate.py  bringing it to that shape
journal.py   the writer          spool.py   when it is away    calllog.py  entries and rows together
fold.py      facts to rows       rows.py    the rows           rebuild.py  the call log made again
break_*.py   the same for pauses, permissions, orders, violations, hands
queries.py   reading at start    reader.py  the journal read   operators.py, roster.py  the people
lock.py      one router at a time
"""
