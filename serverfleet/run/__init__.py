"""All processes of one machine: start, supervise, watch and end them."""
