"""The pictures of the docs: a lively fleet on simulated clouds, and a real Chromium.

``fleet`` makes it by the project's own operations, ``history`` tells what came before,
``__main__`` takes the pictures.
"""
