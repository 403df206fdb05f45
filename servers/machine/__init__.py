"""What is known about the instance itself, as far as the network shows it."""
