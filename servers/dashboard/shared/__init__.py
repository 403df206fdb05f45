"""What pages share: access, live refresh, words, links, forms sent once."""
