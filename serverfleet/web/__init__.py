"""What stands before the views: web server, middleware, error pages, log."""
