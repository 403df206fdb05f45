"""The port to CI systems: what their queues show. One folder for each."""
