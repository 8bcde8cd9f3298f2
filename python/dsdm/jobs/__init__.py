"""Jobs: an output planned once, made in units by any number of processes on any number of machines, and put together.

A unit is a shard of the output. :func:`plan_job` writes a plan beside the output; :meth:`Job.run` makes units of it,
anywhere and any number of times; :meth:`Job.finalize` gives the output its name. The bytes are those that
:func:`dsdm.materialize` writes in one process.
"""
