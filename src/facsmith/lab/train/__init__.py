"""Train the networks: data sets, generator, descriptor, encoder, and what is fitted to people."""
