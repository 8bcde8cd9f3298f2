"""From row numbers to a dataset directory: what rows are read from, what is written of them, and its check.

``sources`` opens a corpus and ``row_numbers`` reads what the caller says of rows. ``materializing`` writes,
``planning`` says what writing will take, and ``verifying`` compares a directory with its ``dsdm.json``.
"""
