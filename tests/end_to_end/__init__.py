"""The whole service, end to end: jobs of three CI systems get servers and run there.

``works`` are the fake CI systems, which hand their jobs to agents. ``floor`` plays the
sandbox's instances: each boots, calls back and runs an agent, as the user data's script
does. ``shop`` sets up queues and pools, ``outcome`` says what a run has shown, and
``python -m tests.end_to_end`` is the run, in the environment of a drill's copy.
"""
