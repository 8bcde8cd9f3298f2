"""What a selection is like: :func:`dsdm.report` reads the record and the files that it names, and shows them."""
