"""A simulation of EventBridge Scheduler and Lambda with a clock of its own. It is not AWS, and proves nothing about it.

What it knows of AWS is what AWS's guides and users report: a schedule fires anywhere in its minute, seldom twice or not
at all; containers are reused, frozen between invocations, and ended at a timeout. What runs in it is real: the handler,
with its sampler and its table, against the fake exchange over HTTP on 127.0.0.1. The table is a few lines in memory, or
moto over HTTP. Latencies are made up.
"""
