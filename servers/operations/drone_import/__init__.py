"""An account, a template, a queue and a pool from the Drone Autoscaler's settings.

``variables`` reads its file, ``clouds`` is the table of its clouds, ``translate`` says
what the variables mean here, and ``save`` stores it.
Source: drone/autoscaler, config/config.go, as of 005feef.
"""
