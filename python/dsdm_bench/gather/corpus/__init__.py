"""The corpus that rows are taken from, made when it is first needed.

A row is 1,024 tokens, drawn with the frequencies of words (Zipf), so that what compresses in a corpus does here. The
hash of each row is kept beside the files; it is computed from the tokens themselves and not from a file.
"""
