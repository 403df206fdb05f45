"""Calls that leave the service: one HTTP client, what its errors mean, and settings.

``http`` sends one request, ``rest`` speaks to a JSON API with it, and ``reply`` and
``reading`` read what came back. ``deadline`` bounds a call, ``proxy`` finds its way
out, ``errors`` says what a failure means, and ``fields`` describes what people set for
it. Clouds and CI systems are called through nothing else.
"""
