"""Calls to other servers, and the rows that make them survive anything.

``http`` makes one guarded call, ``addresses`` says where a call may go, ``tokens`` signs in with client credentials,
``signing`` signs and checks webhooks, ``secrets`` keeps what is secret sealed in a table, and ``durable`` is the row
that stands for a call until it has been answered. The rooms of the marketplace build upon these; they know none of it.
"""
