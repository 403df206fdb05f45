"""What all views share: authentication, limits, bodies, errors, routes."""
