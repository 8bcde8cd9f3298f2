"""Columns that the names of directories hold, which are in no file: the layout of Hive, Spark and pyarrow."""
