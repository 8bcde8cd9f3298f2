"""Rules by which rows are chosen: how many, which may be, of which groups, and for how many tokens.

``choose`` puts a rule together and gives a ``Selection``; ``ranked`` says which rows are better, and ``groups`` of
which group each is.
"""
