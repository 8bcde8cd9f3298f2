"""Rows as ``datasets.Dataset``: everything that knows the inside of Hugging Face's ``datasets``.

``lazy`` is a dataset over shards that are read where they lie, ``corpus_table`` the table under it, and ``in_memory``
a dataset of rows that were read. Files of the ``datasets`` cache are named by ``digests``.
"""
