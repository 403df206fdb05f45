"""The pages of pools and queues: the lists, their own pages, forms and actions."""
