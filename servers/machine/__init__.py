"""What happens on the instance itself, as far as the network shows it."""
